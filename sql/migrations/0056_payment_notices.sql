-- What becomes of a payment is told by e-mail too; `words` is what is told, and the path of the order.
ALTER TABLE mail_queue DROP CONSTRAINT mail_queue_kind_check;
ALTER TABLE mail_queue ADD CONSTRAINT mail_queue_kind_check CHECK (kind IN ('reset', 'alarm', 'verification', 'payment'));
