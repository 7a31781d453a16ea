package store

import (
	"context"
	"slices"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
)

// countKey is one cell of the exact totals: sessions are counted by type and status, orders by gateway and status.
type countKey struct {
	project  checkout.ProjectID
	resource string
	facet    string
	status   string
}

// countDelta is one change of a cell.
type countDelta struct {
	key countKey
	n   int64
}

func (tx *Tx) count(key countKey, n int64) { tx.counts = append(tx.counts, countDelta{key, n}) }

// countDeltas gathers the changes of a commit, so that each cell is written once, whatever the number of rows.
type countDeltas map[countKey]int64

func (d countDeltas) add(changes []countDelta) {
	for _, c := range changes {
		d[c.key] += c.n
	}
}

// flush writes the changes, into the slot given: a total is the sum of its slots. SQLite has one writer, so one slot
// serves; on PostgreSQL each writer has one of its own, as a rule, so that they don't queue on one row.
func (d countDeltas) flush(exec func(query string, args ...any) error, slot int) error {
	keys := make([]countKey, 0, len(d))
	for k, n := range d {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	// One order for all, so that transactions that share a slot can't deadlock.
	slices.SortFunc(keys, func(a, b countKey) int {
		return strings.Compare(string(a.project)+a.resource+a.facet+a.status, string(b.project)+b.resource+b.facet+b.status)
	})
	for _, k := range keys {
		err := exec(`insert into counts (project_id, resource, facet, status, slot, n) values ($1, $2, $3, $4, $5, $6)
			on conflict (project_id, resource, facet, status, slot) do update set n = counts.n + excluded.n`,
			string(k.project), k.resource, k.facet, k.status, slot, d[k])
		if err != nil {
			return err
		}
	}
	return nil
}

// total sums the cells of the project and resource; an empty facet or status stands for all.
func (r Reader) total(ctx context.Context, project checkout.ProjectID, resource, facet, status string) (int64, error) {
	query := `select cast(coalesce(sum(n), 0) as bigint) from counts where project_id = $1 and resource = $2`
	args := []any{string(project), resource}
	if facet != "" {
		args = append(args, facet)
		query += " and facet = $3"
	}
	if status != "" {
		args = append(args, status)
		query += " and status = $" + string('0'+rune(len(args)))
	}
	var n int64
	err := r.q.queryRow(ctx, query, args...).Scan(&n)
	return n, err
}
