package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// PutRoutingRules stores the project's rules, in place of what was there.
func (tx *Tx) PutRoutingRules(project checkout.ProjectID, rules *checkout.RoutingRules, now time.Time) error {
	body, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into routing_rules (project_id, body, updated_at) values ($1, $2, $3)
		on conflict (project_id) do update set body = excluded.body, updated_at = excluded.updated_at`, string(project), string(body), micros(now))
	return err
}

// RoutingRules reads the project's rules. A project that has never set any has none.
func (r Reader) RoutingRules(ctx context.Context, project checkout.ProjectID) (*checkout.RoutingRules, error) {
	var body string
	rules := &checkout.RoutingRules{}
	err := unavailable(r.q.queryRow(ctx, `select body from routing_rules where project_id = $1`, string(project)).Scan(&body))
	if errors.Is(err, ErrNotFound) {
		return rules, nil
	}
	if err != nil {
		return nil, err
	}
	return rules, json.Unmarshal([]byte(body), rules)
}
