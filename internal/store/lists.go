package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// where gathers the conditions of a query and their arguments.
type where struct {
	conds []string
	args  []any
}

// arg adds an argument and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) and(cond string) { w.conds = append(w.conds, cond) }

func (w *where) equal(column, value string) {
	if value != "" {
		w.and(column + " = " + w.arg(value))
	}
}

func (w *where) text() string { return strings.Join(w.conds, " and ") }

// after begins the page behind the cursor's row. The order is (created_at, id), newest first, on every index.
func (w *where) after(c *checkout.Cursor) {
	if c != nil {
		w.and("(created_at, id) < (" + w.arg(micros(c.CreatedAt)) + ", " + w.arg(c.ID) + ")")
	}
}

// page runs one query, or several with distinct rows whose union is the list, each of which an index serves.
func page[T any](ctx context.Context, r Reader, columns, table string, w *where, alternatives []string, p checkout.Page,
	scan func(scanner) (T, error), key func(T) checkout.Cursor,
) ([]T, *checkout.Cursor, error) {
	offset := offset(p)
	w.after(p.After)
	limit := w.arg(offset + p.Size + 1)
	parts := make([]string, 0, len(alternatives))
	for _, alternative := range alternatives {
		cond := w.text()
		if alternative != "" {
			cond += " and " + alternative
		}
		parts = append(parts, "select "+columns+" from "+table+" where "+cond+" order by created_at desc, id desc limit "+limit)
	}
	query := parts[0]
	if len(parts) > 1 {
		query = "select * from (select * from (" + strings.Join(parts, ") as a union all select * from (") + ") as a) as rows order by created_at desc, id desc limit " + limit
	}
	query += " offset " + w.arg(offset)
	rows, err := scanAll(ctx, r.q, scan, query, w.args...)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) <= p.Size {
		return rows, nil, nil
	}
	next := key(rows[p.Size-1])
	return rows[:p.Size], &next, nil
}

// offset is how many rows the page skips; none behind a cursor.
func offset(p checkout.Page) int {
	if p.After != nil {
		return 0
	}
	return (p.Number - 1) * p.Size
}

const openAndOverdue = "status in ('pending', 'confirmed') and expires_at <= "

// Sessions reads one page of the project's sessions, newest first, with the exact total (contract §2.8). A status is
// that at the time given, whatever has been recorded.
func (db *DB) Sessions(ctx context.Context, project checkout.ProjectID, f checkout.SessionFilter, p checkout.Page, now time.Time) (list checkout.List[*checkout.Session], err error) {
	err = db.view(ctx, func(r Reader) error {
		if f.ExternalCustomerID != "" {
			customer, err := r.CustomerByExternalID(ctx, project, f.ExternalCustomerID)
			if errors.Is(err, ErrNotFound) || (err == nil && f.CustomerID != "" && f.CustomerID != customer.ID) {
				return nil // nobody's sessions
			}
			if err != nil {
				return err
			}
			f.CustomerID = customer.ID
		}
		list.Total, err = r.totalSessions(ctx, project, f, now)
		if err != nil || list.Total <= int64(offset(p)) {
			return err
		}
		w, alternatives := sessionWhere(project, f, now)
		list.Rows, list.Next, err = page(ctx, r, sessionColumns, "sessions", w, alternatives, p, scanSession, sessionCursor)
		return err
	})
	return list, err
}

func sessionCursor(s *checkout.Session) checkout.Cursor {
	return checkout.Cursor{CreatedAt: s.CreatedAt, ID: string(s.ID)}
}

// sessionWhere says which rows pass the filter; the alternatives are those of the status, which depends on the time.
func sessionWhere(project checkout.ProjectID, f checkout.SessionFilter, now time.Time) (*where, []string) {
	w := &where{}
	w.equal("project_id", string(project))
	w.equal("customer_id", string(f.CustomerID))
	w.equal("type", string(f.Type))
	if !f.CreatedAfter.IsZero() {
		w.and("created_at >= " + w.arg(micros(f.CreatedAfter)))
	}
	if !f.CreatedBefore.IsZero() {
		w.and("created_at < " + w.arg(micros(f.CreatedBefore)))
	}
	switch {
	case f.Status == "":
		return w, []string{""}
	case f.Status.Open():
		w.equal("status", string(f.Status))
		w.and("expires_at > " + w.arg(micros(now)))
		return w, []string{""}
	case f.Status == checkout.SessionExpired:
		overdue := openAndOverdue + w.arg(micros(now))
		return w, []string{"status = 'expired'", overdue}
	}
	w.equal("status", string(f.Status))
	return w, []string{""}
}

// totalSessions is exact. Without a customer or a time it is a sum of a few counts, corrected by the rows that are
// overdue but not yet recorded as expired; otherwise it counts the entries of an index.
func (r Reader) totalSessions(ctx context.Context, project checkout.ProjectID, f checkout.SessionFilter, now time.Time) (int64, error) {
	if f.CustomerID != "" || !f.CreatedAfter.IsZero() || !f.CreatedBefore.IsZero() {
		var n int64
		w, alternatives := sessionWhere(project, f, now)
		for _, alternative := range alternatives {
			cond := w.text()
			if alternative != "" {
				cond += " and " + alternative
			}
			some, err := r.countRows(ctx, "sessions", cond, w.args)
			if err != nil {
				return 0, err
			}
			n += some
		}
		return n, nil
	}
	n, err := r.total(ctx, project, "session", string(f.Type), string(f.Status))
	if err != nil || f.Status == "" || (!f.Status.Open() && f.Status != checkout.SessionExpired) {
		return n, err
	}
	w := &where{}
	w.and(openAndOverdue + w.arg(micros(now)))
	w.equal("project_id", string(project))
	w.equal("type", string(f.Type))
	if f.Status == checkout.SessionExpired {
		overdue, err := r.countRows(ctx, "sessions", w.text(), w.args)
		return n + overdue, err
	}
	w.equal("status", string(f.Status))
	overdue, err := r.countRows(ctx, "sessions", w.text(), w.args)
	return n - overdue, err
}

func (r Reader) countRows(ctx context.Context, table, cond string, args []any) (int64, error) {
	var n int64
	err := r.q.queryRow(ctx, "select count(*) from "+table+" where "+cond, args...).Scan(&n)
	return n, err
}

// Orders reads one page of the project's orders, newest first, with the exact total (contract §3). Orders in creation
// are not shown.
func (db *DB) Orders(ctx context.Context, project checkout.ProjectID, f checkout.OrderFilter, p checkout.Page) (list checkout.List[*checkout.Order], err error) {
	err = db.view(ctx, func(r Reader) error {
		if f.ExternalCustomerID != "" {
			customer, err := r.CustomerByExternalID(ctx, project, f.ExternalCustomerID)
			if errors.Is(err, ErrNotFound) || (err == nil && f.CustomerID != "" && f.CustomerID != customer.ID) {
				return nil
			}
			if err != nil {
				return err
			}
			f.CustomerID = customer.ID
		}
		w := orderWhere(project, f)
		if f.CustomerID != "" || f.SessionID != "" {
			list.Total, err = r.countRows(ctx, "orders", w.text(), w.args)
		} else {
			list.Total, err = r.total(ctx, project, "order", f.Gateway, string(f.Status))
		}
		if err != nil || list.Total <= int64(offset(p)) {
			return err
		}
		list.Rows, list.Next, err = page(ctx, r, orderColumns, "orders", w, []string{""}, p, scanOrder, orderCursor)
		return err
	})
	return list, err
}

func orderCursor(o *checkout.Order) checkout.Cursor {
	return checkout.Cursor{CreatedAt: o.CreatedAt, ID: string(o.ID)}
}

func orderWhere(project checkout.ProjectID, f checkout.OrderFilter) *where {
	w := &where{}
	w.equal("project_id", string(project))
	w.equal("session_id", string(f.SessionID))
	w.equal("customer_id", string(f.CustomerID))
	w.equal("status", string(f.Status))
	if f.Status == "" {
		w.and("status <> 'creating'")
	}
	w.equal("gateway", f.Gateway)
	return w
}
