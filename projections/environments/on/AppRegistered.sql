INSERT INTO apps (app, actual_price_is) VALUES (:app, :actual_price_is)
ON CONFLICT (app) DO UPDATE SET actual_price_is = excluded.actual_price_is;
