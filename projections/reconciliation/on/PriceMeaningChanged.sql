-- Counts for the orders from here on; those before keep the amount they had.
INSERT INTO apps (app, actual_price_is) VALUES (:app, :to)
ON CONFLICT (app) DO UPDATE SET actual_price_is = excluded.actual_price_is;
