-- What a project's hosted page looks like. A row is small, but for its logo, which nothing reads beside the rest.

-- +goose NO TRANSACTION
-- +goose Up
create table if not exists brands (
    project_id text not null primary key,
    name text not null,
    accent text not null,
    logo_type text not null,
    logo_hash text not null,
    logo bytea,
    updated_at bigint not null
);

-- +goose Down
drop table if exists brands;
