-- +goose Up
create table webhooks (
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
create index webhooks_by_created on webhooks (project_id, created_at, id);
create index webhooks_enabled on webhooks (project_id, id) where status = 'enabled';

create table deliveries (
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
create index deliveries_due on deliveries (project_id, webhook_id, due_at, id) where status = 'pending';
create index deliveries_by_event on deliveries (project_id, event_id, id);

create table attempts (
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

create index events_of_orders on events (project_id, order_id, id) where order_id <> '';
create index events_by_type on events (project_id, type, id) where order_id <> '';
-- Not session.created, of which most of the log is made: a page of those is found in the log itself.
create index events_of_sessions on events (project_id, type, id) where order_id = '' and type <> 'session.created';

-- +goose Down
drop index events_of_sessions;
drop index events_by_type;
drop index events_of_orders;
drop table attempts;
drop table deliveries;
drop table webhooks;
