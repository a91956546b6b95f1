-- Purchases that were refunded before 0057: what they gave would count among the rights that their session has left.
SET LOCAL ROLE chatserver_worker;
UPDATE purchases p SET taken_back = true FROM orders o WHERE o.purchase_id = p.id AND o.state = 'refunded' AND NOT p.taken_back;
RESET ROLE;
