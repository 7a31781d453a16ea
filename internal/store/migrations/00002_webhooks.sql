-- +goose NO TRANSACTION
-- +goose Up
create table if not exists webhooks (
    project_id text not null,
    id text not null,
    url text not null,
    events text not null,
    secret bytea not null,
    old_secrets bytea,
    status text not null,
    disabled_reason text not null,
    failing_since bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    version bigint not null,
    primary key (project_id, id)
);
create index if not exists webhooks_by_created on webhooks (project_id, created_at, id);
create index if not exists webhooks_enabled on webhooks (project_id, id) where status = 'enabled';

create table if not exists deliveries (
    project_id text not null,
    id text not null,
    bucket smallint not null,
    webhook_id text not null,
    event_id text not null,
    event_type text not null,
    order_id text not null,
    status text not null,
    attempts bigint not null,
    due_at bigint not null,
    created_at bigint not null,
    finished_at bigint not null,
    lease_owner text not null,
    lease_until bigint not null,
    primary key (project_id, id)
);
create index if not exists deliveries_due on deliveries (project_id, webhook_id, due_at, id) where status = 'pending';
create index if not exists deliveries_by_event on deliveries (project_id, event_id, id);

create table if not exists attempts (
    project_id text not null,
    delivery_id text not null,
    number bigint not null,
    at bigint not null,
    status_code bigint not null,
    took bigint not null,
    response bytea not null,
    error text not null,
    primary key (project_id, delivery_id, number)
);

create index if not exists events_of_orders on events (project_id, order_id, id) where order_id <> '';
create index if not exists events_by_type on events (project_id, type, id) where order_id <> '';
-- Not session.created, of which most of the log is made: a page of those is found in the log itself.
create index if not exists events_of_sessions on events (project_id, type, id) where order_id = '' and type <> 'session.created';

-- +goose Down
drop index if exists events_of_sessions;
drop index if exists events_by_type;
drop index if exists events_of_orders;
drop table if exists attempts;
drop table if exists deliveries;
drop table if exists webhooks;
