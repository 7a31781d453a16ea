-- +goose Up
-- Notifications go by their own age; nothing else reads them but by their key.
create index notifications_by_age on notifications (project_id, received_at, gateway, dedup_key);

-- +goose Down
drop index notifications_by_age;
