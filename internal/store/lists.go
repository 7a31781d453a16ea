package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// where gathers the conditions of a query and their arguments.
type where struct {
	conds []string
	args  []any
	byID  bool // the order is that of ids, which begin with the time of their creation
}

// order is the order of the list, newest first.
func (w *where) order() string {
	if w.byID {
		return " order by id desc"
	}
	return " order by created_at desc, id desc"
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

// word is equal for a word of our own, which stands in the query itself: with it as an argument, SQLite would plan anew
// on every call, since an index that holds some statuses only may or may not serve.
func (w *where) word(column, value string) {
	if value == "" {
		return
	}
	if strings.Trim(value, "abcdefghijklmnopqrstuvwxyz_") != "" {
		w.and("1 = 0") // no word of ours, so no row has it
		return
	}
	w.and(column + " = '" + value + "'")
}

// text has all conditions, and the alternative's.
func (w *where) text(alternative string) string {
	return strings.Join(append(slices.Clone(w.conds), alternative), " and ")
}

// after begins the page behind the cursor's row. The order is (created_at, id), newest first, on every index.
func (w *where) after(c *checkout.Cursor) {
	switch {
	case c == nil:
	case w.byID:
		w.and("id < " + w.arg(c.ID))
	default:
		w.and("(created_at, id) < (" + w.arg(micros(c.CreatedAt)) + ", " + w.arg(c.ID) + ")")
	}
}

// used leaves out the arguments that the query does not use, for which PostgreSQL would find no type, and numbers the
// others anew.
func used(query string, args []any) (string, []any) {
	var text strings.Builder
	var kept []any
	numbers := map[int]int{}
	for {
		before, after, found := strings.Cut(query, "$")
		text.WriteString(before)
		if !found {
			return text.String(), kept
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		old, _ := strconv.Atoi(after[:digits])
		if numbers[old] == 0 {
			kept = append(kept, args[old-1])
			numbers[old] = len(kept)
		}
		text.WriteString("$" + strconv.Itoa(numbers[old]))
		query = after[digits:]
	}
}

// page runs one query, or several with distinct rows whose union is the list, each of which an index serves.
func page[T any](ctx context.Context, r Reader, columns, table string, w *where, alternatives []string, p checkout.Page,
	scan func(scanner) (T, error), key func(T) checkout.Cursor,
) ([]T, *checkout.Cursor, error) {
	offset := offset(p)
	w.after(p.After)
	limit := w.arg(p.Size + 1)
	inner := limit
	if len(alternatives) > 1 {
		inner = w.arg(offset + p.Size + 1) // any of them may hold the whole page
	}
	parts := make([]string, 0, len(alternatives))
	for _, alternative := range alternatives {
		parts = append(parts, "select "+columns+" from "+table+" where "+w.text(alternative)+w.order()+" limit "+inner)
	}
	query := strings.TrimSuffix(parts[0], inner) + limit
	if len(parts) > 1 {
		query = "select * from (select * from (" + strings.Join(parts, ") as a union all select * from (") + ") as a) as rows" + w.order() + " limit " + limit
	}
	query += " offset " + w.arg(offset)
	query, args := used(query, w.args)
	rows, err := scanAll(ctx, r.q, scan, query, args...)
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

// overdue has the rows that are expired but not yet recorded so, normally few. Its condition on the project is written
// so that no index by project serves it: the index by expiry does, whatever the planner thinks of the others.
func overdue(w *where, project checkout.ProjectID, now time.Time) string {
	return openAndOverdue + w.arg(micros(now)) + " and project_id || '' = " + w.arg(string(project))
}

// Sessions reads one page of the project's sessions, newest first, with the exact total (contract §2.8). A status is
// that at the time given, whatever has been recorded.
func (db *DB) Sessions(ctx context.Context, project checkout.ProjectID, f checkout.SessionFilter, p checkout.Page, now time.Time) (list checkout.List[*checkout.Session], err error) {
	err = db.Snapshot(ctx, func(r Reader) error {
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

// sessionWhere says which rows pass the filter: those of all alternatives, which have no row in common. Each of them has
// an index; the status depends on the time.
func sessionWhere(project checkout.ProjectID, f checkout.SessionFilter, now time.Time) (*where, []string) {
	w := &where{}
	w.equal("customer_id", string(f.CustomerID))
	w.word("type", string(f.Type))
	if !f.CreatedAfter.IsZero() {
		w.and("created_at >= " + w.arg(micros(f.CreatedAfter)))
	}
	if !f.CreatedBefore.IsZero() {
		w.and("created_at < " + w.arg(micros(f.CreatedBefore)))
	}
	ofProject := "project_id = " + w.arg(string(project))
	switch {
	case f.Status.Open():
		w.word("status", string(f.Status))
		return w, []string{ofProject + " and expires_at > " + w.arg(micros(now))}
	case f.Status == checkout.SessionExpired && f.CustomerID != "":
		return w, []string{ofProject + " and status = 'expired'", ofProject + " and " + openAndOverdue + w.arg(micros(now))}
	case f.Status == checkout.SessionExpired:
		return w, []string{ofProject + " and status = 'expired'", overdue(w, project, now)}
	case f.Status != "":
		w.word("status", string(f.Status))
	case f.Type == "" && f.CustomerID == "": // the index by creation is by type first
		return w, []string{ofProject + " and type = 'onramp'", ofProject + " and type = 'offramp'"}
	}
	return w, []string{ofProject}
}

// totalSessions is exact. Without a customer or a time it is a sum of a few counts, corrected by the rows that are
// overdue but not yet recorded as expired; otherwise it counts the entries of an index.
func (r Reader) totalSessions(ctx context.Context, project checkout.ProjectID, f checkout.SessionFilter, now time.Time) (int64, error) {
	if f.CustomerID != "" || !f.CreatedAfter.IsZero() || !f.CreatedBefore.IsZero() {
		w, alternatives := sessionWhere(project, f, now)
		return r.countAll(ctx, "sessions", w, alternatives)
	}
	n, err := r.total(ctx, project, "session", string(f.Type), string(f.Status))
	if err != nil || f.Status == "" || (!f.Status.Open() && f.Status != checkout.SessionExpired) {
		return n, err
	}
	w := &where{}
	w.word("type", string(f.Type))
	if f.Status.Open() {
		w.word("status", string(f.Status))
	}
	late, err := r.countAll(ctx, "sessions", w, []string{overdue(w, project, now)})
	if f.Status.Open() {
		return n - late, err
	}
	return n + late, err
}

// countAll counts the rows of all alternatives.
func (r Reader) countAll(ctx context.Context, table string, w *where, alternatives []string) (int64, error) {
	var total int64
	for _, alternative := range alternatives {
		var n int64
		query, args := used("select count(*) from "+table+" where "+w.text(alternative), w.args)
		if err := r.q.queryRow(ctx, query, args...).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// Orders reads one page of the project's orders, newest first, with the exact total (contract §3). Orders in creation
// are not shown.
func (db *DB) Orders(ctx context.Context, project checkout.ProjectID, f checkout.OrderFilter, p checkout.Page) (list checkout.List[*checkout.Order], err error) {
	err = db.Snapshot(ctx, func(r Reader) error {
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
		w, ofProject := orderWhere(project, f)
		if f.CustomerID != "" || f.SessionID != "" {
			list.Total, err = r.countAll(ctx, "orders", w, []string{ofProject})
		} else {
			list.Total, err = r.total(ctx, project, "order", f.Gateway, string(f.Status))
		}
		if err != nil || list.Total <= int64(offset(p)) {
			return err
		}
		list.Rows, list.Next, err = page(ctx, r, orderColumns, "orders", w, []string{ofProject}, p, scanOrder, orderCursor)
		return err
	})
	return list, err
}

func orderCursor(o *checkout.Order) checkout.Cursor {
	return checkout.Cursor{CreatedAt: o.CreatedAt, ID: string(o.ID)}
}

func orderWhere(project checkout.ProjectID, f checkout.OrderFilter) (w *where, ofProject string) {
	w = &where{}
	w.equal("session_id", string(f.SessionID))
	w.equal("customer_id", string(f.CustomerID))
	w.word("status", string(f.Status))
	if f.Status == "" {
		w.and("status <> 'creating'")
	}
	w.equal("gateway", f.Gateway)
	return w, "project_id = " + w.arg(string(project))
}
