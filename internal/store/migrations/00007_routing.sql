-- The memo or tag that belongs to a wallet address, what is told of an order besides, and the rules by which a project's orders
-- find their gateways. Columns with a constant default rewrite no row. Each statement commits by itself: it waits for one table, and
-- holds no other that a server might wait for meanwhile.

-- +goose NO TRANSACTION
-- +goose Up
alter table sessions add column if not exists destination_tag text not null default '';
alter table orders add column if not exists wallet_tag text not null default '';
alter table orders add column if not exists details text not null default '';
create table if not exists routing_rules (
    project_id text not null primary key,
    body text not null,
    updated_at bigint not null
);

-- +goose Down
drop table if exists routing_rules;
alter table orders drop column details;
alter table orders drop column wallet_tag;
alter table sessions drop column destination_tag;
