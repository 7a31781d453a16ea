-- Projects' accounts at gateways, the credentials that gateways give for a time, and what gateways publish.

-- +goose NO TRANSACTION
-- +goose Up
create table if not exists gateway_accounts (
    project_id text not null,
    gateway text not null,
    settings bytea not null,
    enabled boolean not null,
    updated_at bigint not null,
    version bigint not null,
    primary key (project_id, gateway)
);

-- A row whose value is null is a claim: whoever has made it gets the token of that number, until the lease is over.
create table if not exists gateway_tokens (
    project_id text not null,
    gateway text not null,
    name text not null,
    seq bigint not null,
    value bytea,
    expires_at bigint not null,
    rejected boolean not null,
    lease_owner text not null,
    lease_until bigint not null,
    primary key (project_id, gateway, name, seq)
);

create table if not exists gateway_catalogues (
    project_id text not null,
    gateway text not null,
    body bytea not null,
    loaded_at bigint not null,
    attempted_at bigint not null,
    attempts bigint not null,
    primary key (project_id, gateway)
);

-- Orders that are asked about at their gateway, by when the next time is. The sandbox is never asked. What a failed attempt has
-- left is no index.
drop index if exists orders_asked;
create index concurrently orders_asked on orders (project_id, gateway, lease_until, id)
    where status in ('created', 'pending', 'processing') and gateway <> 'sandbox';

-- +goose Down
drop index if exists orders_asked;
drop table if exists gateway_catalogues;
drop table if exists gateway_tokens;
drop table if exists gateway_accounts;
