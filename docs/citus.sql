-- Spreads Sliproad's tables over the nodes of a Citus cluster, by project. Run it once, on the coordinator, in the database,
-- after `sliproad migrate up` and before the first server starts; it moves rows that are there already. See docs/scaling.md.
--
--   psql "$SLIPROAD_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f citus.sql
--
-- Not named here, and therefore local to the coordinator: the tables of the migrations themselves, goose_*.

-- Small, global, and read by every request: a copy on each node.
select create_reference_table('projects');
select create_reference_table('api_keys');
select create_reference_table('brands');
select create_reference_table('routing_rules');
select create_reference_table('master_key_check');

-- Everything that grows. What belongs to one project is on one node, so that a transaction is too.
select create_distributed_table('customers', 'project_id');
select create_distributed_table('sessions', 'project_id', colocate_with => 'customers');
select create_distributed_table('orders', 'project_id', colocate_with => 'customers');
select create_distributed_table('events', 'project_id', colocate_with => 'customers');
select create_distributed_table('idempotency', 'project_id', colocate_with => 'customers');
select create_distributed_table('notifications', 'project_id', colocate_with => 'customers');
select create_distributed_table('webhooks', 'project_id', colocate_with => 'customers');
select create_distributed_table('deliveries', 'project_id', colocate_with => 'customers');
select create_distributed_table('attempts', 'project_id', colocate_with => 'customers');
select create_distributed_table('counts', 'project_id', colocate_with => 'customers');
select create_distributed_table('writers', 'project_id', colocate_with => 'customers');
select create_distributed_table('gateway_accounts', 'project_id', colocate_with => 'customers');
select create_distributed_table('gateway_tokens', 'project_id', colocate_with => 'customers');
select create_distributed_table('gateway_catalogues', 'project_id', colocate_with => 'customers');
