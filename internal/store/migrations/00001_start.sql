-- One text for SQLite and PostgreSQL. Each statement stands for itself, without a transaction around them, as engines that
-- spread a table over nodes want it, and can be repeated after a failure in between. What is made on a table that holds rows is
-- made concurrently, a word that SQLite is not shown.
-- Every table that grows is keyed by its project, so that it can be sharded by it;
-- api_keys and projects are small and global. Times are microseconds since 1970, UTC. Amounts are decimal text.
-- An absent text is ''. State changes are compare-and-swap on version.

-- +goose NO TRANSACTION
-- +goose Up
create table if not exists projects (
    id text not null primary key,
    name text not null,
    mode text not null,
    default_gateway text not null,
    allowed_origins text not null,
    strict_address boolean not null,
    created_at bigint not null
);

create table if not exists api_keys (
    hash bytea not null primary key,
    id text not null,
    project_id text not null,
    kind text not null,
    hint text not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint not null
);
create unique index if not exists api_keys_by_id on api_keys (project_id, id);

create table if not exists customers (
    project_id text not null,
    id text not null,
    external_id text,
    created_at bigint not null,
    primary key (project_id, id)
);
create unique index if not exists customers_by_external_id on customers (project_id, external_id);

create table if not exists sessions (
    project_id text not null,
    id text not null,
    bucket smallint not null,
    customer_id text not null,
    external_customer_id text not null,
    type text not null,
    status text not null,
    source_amount text not null,
    source_currency text not null,
    destination_currency text not null,
    network text not null,
    destination_address text not null,
    redirect_url text not null,
    country text not null,
    country_source text not null,
    metadata text not null,
    field_locks text not null,
    warnings text not null,
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    order_id text not null,
    secret_key_id text not null,
    version bigint not null,
    primary key (project_id, id)
);
create index if not exists sessions_by_type on sessions (project_id, type, created_at, id);
create index if not exists sessions_by_status on sessions (project_id, status, created_at, id);
create index if not exists sessions_by_customer on sessions (project_id, customer_id, created_at, id);
-- What is open waits here for its expiry; the sweeper empties it.
create index if not exists sessions_open_by_expiry on sessions (expires_at, project_id) where status in ('pending', 'confirmed');

create table if not exists orders (
    project_id text not null,
    id text not null,
    bucket smallint not null,
    session_id text not null,
    type text not null,
    status text not null,
    gateway text not null,
    external_order_id text not null,
    fiat_amount text not null,
    fiat_currency text not null,
    crypto_currency text not null,
    crypto_amount text not null,
    network text not null,
    wallet_address text not null,
    email text not null,
    customer_id text not null,
    external_customer_id text not null,
    redirect_url text not null,
    country text not null,
    transaction_hash text not null,
    failure_reason text not null,
    checkout_url text not null,
    checkout_seconds bigint not null,
    metadata text not null,
    created_at bigint not null,
    updated_at bigint not null,
    completed_at bigint not null,
    late_payment_at bigint not null,
    late_crypto_amount text not null,
    late_transaction_hash text not null,
    prior_status text not null,
    lease_owner text not null,
    lease_until bigint not null,
    version bigint not null,
    primary key (project_id, id)
);
-- The arbiter of "exactly one order per session".
create unique index if not exists orders_by_session on orders (project_id, session_id);
create index if not exists orders_by_created on orders (project_id, created_at, id);
create index if not exists orders_by_status on orders (project_id, status, created_at, id);
create index if not exists orders_by_gateway on orders (project_id, gateway, created_at, id);
create index if not exists orders_by_customer on orders (project_id, customer_id, created_at, id);
-- Reservations whose gateway call has not come back; normally almost empty.
create index if not exists orders_creating on orders (lease_until) where status = 'creating';

-- The outbox, and the event log.
create table if not exists events (
    project_id text not null,
    id text not null,
    bucket smallint not null,
    type text not null,
    session_id text not null,
    order_id text not null,
    created_at bigint not null,
    body bytea not null,
    primary key (project_id, id)
);

create table if not exists idempotency (
    project_id text not null,
    key text not null,
    fingerprint bytea not null,
    seed bytea not null,
    owner text not null,
    lease_until bigint not null,
    epoch bigint not null,
    status bigint not null,
    body bytea,
    replays bigint not null,
    created_at bigint not null,
    primary key (project_id, key)
);
create index if not exists idempotency_by_age on idempotency (created_at);

-- Raw notifications of gateways, sealed; the unique key is the arbiter of "applied once".
create table if not exists notifications (
    project_id text not null,
    gateway text not null,
    dedup_key text not null,
    order_id text not null,
    received_at bigint not null,
    body bytea not null,
    primary key (project_id, gateway, dedup_key)
);

-- A text sealed with the newest master key, by which a server knows at its start that it was given the right keys.
create table if not exists master_key_check (
    id smallint not null primary key,
    sealed bytea not null
);

-- Exact totals of lists. A total is the sum over the slots, so that one busy project's writers don't queue on one row.
create table if not exists counts (
    project_id text not null,
    resource text not null,
    facet text not null,
    status text not null,
    slot smallint not null,
    n bigint not null,
    primary key (project_id, resource, facet, status, slot)
);

-- +goose Down
drop table if exists counts;
drop table if exists master_key_check;
drop table if exists notifications;
drop table if exists idempotency;
drop table if exists events;
drop table if exists orders;
drop table if exists sessions;
drop table if exists customers;
drop table if exists api_keys;
drop table if exists projects;
