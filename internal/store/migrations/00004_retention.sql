-- +goose NO TRANSACTION
-- +goose Up
-- Notifications go by their own age; nothing else reads them but by their key. What a failed attempt has left is no index.
drop index if exists notifications_by_age;
create index concurrently notifications_by_age on notifications (project_id, received_at, gateway, dedup_key);

-- +goose Down
drop index if exists notifications_by_age;
