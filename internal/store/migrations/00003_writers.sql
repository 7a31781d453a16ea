-- A row for each writer of a node on PostgreSQL, which it counts up with every commit: by it, a commit whose answer was lost
-- is found out.

-- +goose NO TRANSACTION
-- +goose Up
create table if not exists writers (
    project_id text not null,
    id text not null,
    seq bigint not null,
    fence bigint not null,
    primary key (project_id, id)
);

-- +goose Down
drop table if exists writers;
