UPDATE orders SET grant_state = 'refused' WHERE out_trade_no = :key AND app = :app AND :env = 'production';
