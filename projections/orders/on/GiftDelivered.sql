INSERT INTO gifts (position, app, order_id, open_id, zone, gift_type_id, gift_id, send_time, goods, delivered_at,
                   day)
VALUES (:position, :app, :order_id, :open_id, :zone, :gift_type_id, :gift_id, :send_time, :goods, :recorded_at,
        :day);
