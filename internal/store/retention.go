package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// What is old goes in two steps. A read finds its keys, a page at a time, by an index; then a transaction of one project
// removes them by their keys, and asks once more whether they may go. Nothing here leans on a foreign key, a trigger or a
// lock, and a transaction never needs another project, so a database sharded by project takes it as it is.
//
// Totals stay exact when several nodes do this at once, because a total is lowered by the rows that the statement itself
// has removed.

// keysAtOnce is how many keys one statement names at most. Lists are filled up to a few lengths, so that few statements
// have to be prepared.
const keysAtOnce = 256

// byKeys runs the statement for the keys, which stand where it says @keys, and returns how many rows it changed. The keys
// are told after the other arguments. Other conditions are written so that no index serves them (type || ” = …): the rows
// are to be found by their keys, whatever the planner thinks of the others.
func byKeys[T ~string](tx *Tx, query string, keys []T, args ...any) (rows int64, err error) {
	for share := range slices.Chunk(keys, keysAtOnce) {
		list, all := keyList(share, args)
		n, err := tx.exec(strings.Replace(query, "@keys", list, 1), all...)
		if err != nil {
			return rows, err
		}
		rows += n
	}
	return rows, nil
}

// keyList is the text of a list of keys and the arguments with them; the last key fills it up.
func keyList[T ~string](keys []T, args []any) (string, []any) {
	length := 4
	for length < len(keys) {
		length *= 4
	}
	places := make([]string, length)
	all := slices.Clone(args)
	for i := range places {
		all = append(all, string(keys[min(i, len(keys)-1)]))
		places[i] = "$" + strconv.Itoa(len(all))
	}
	return strings.Join(places, ", "), all
}

// cells gathers keys by the count that their rows are in.
type cells[T ~string] struct {
	order []countKey // one order for all, as the keys have it
	keys  map[countKey][]T
}

func (c *cells[T]) add(cell countKey, key T) {
	if c.keys == nil {
		c.keys = map[countKey][]T{}
	}
	if _, ok := c.keys[cell]; !ok {
		c.order = append(c.order, cell)
	}
	c.keys[cell] = append(c.keys[cell], key)
}

// OldEvent is an event that is old enough to go, and what would go with it.
type OldEvent struct {
	ID         checkout.EventID
	Type       checkout.EventType
	Session    checkout.SessionID // empty: none
	Deliveries []checkout.DeliveryID
	Rows       int64 // of it, its deliveries and their attempts
	Held       bool  // a delivery is pending, or has ended after the time given
}

// OldEvents reads the project's events from before the time given that come after the one given, oldest first.
func (r Reader) OldEvents(ctx context.Context, project checkout.ProjectID, before time.Time, after checkout.EventID, limit int) ([]*OldEvent, error) {
	list, err := scanAll(ctx, r.q, func(row scanner) (*OldEvent, error) {
		e := OldEvent{Rows: 1}
		err := row.Scan(&e.ID, &e.Type, &e.Session)
		return &e, unavailable(err)
	}, `select id, type, session_id from events where project_id = $1 and id > $2 and id < $3 and created_at < $4 order by id limit $5`,
		string(project), string(after), string(checkout.FirstEventID(before)), micros(before), limit)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	byID := make(map[checkout.EventID]*OldEvent, len(list))
	ids := make([]checkout.EventID, len(list))
	for i, e := range list {
		ids[i], byID[e.ID] = e.ID, e
	}
	for share := range slices.Chunk(ids, keysAtOnce) {
		keys, args := keyList(share, []any{string(project)})
		_, err := scanAll(ctx, r.q, func(row scanner) (none struct{}, err error) {
			var id checkout.DeliveryID
			var event checkout.EventID
			var status checkout.DeliveryStatus
			var attempts, finished int64
			if err := row.Scan(&id, &event, &status, &attempts, &finished); err != nil {
				return none, unavailable(err)
			}
			e := byID[event]
			e.Deliveries = append(e.Deliveries, id)
			e.Rows += 1 + attempts
			e.Held = e.Held || status == checkout.DeliveryPending || finished >= micros(before)
			return none, nil
		}, `select id, event_id, status, attempts, finished_at from deliveries where project_id = $1 and event_id in (`+keys+`)`, args...)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// PruneEvents removes the events with their deliveries and attempts, and returns how many events and deliveries it removed.
// ErrConflict: one has got a delivery that keeps it; nothing may be kept of the transaction.
//
// The events go first: whoever is about to add a delivery holds the event's row (HoldEvent), so that this waits for it,
// and then finds the delivery; or it waits for this, and then finds no event.
func (tx *Tx) PruneEvents(project checkout.ProjectID, list []*OldEvent, before time.Time) (removed, deliveriesGone int64, err error) {
	var types cells[checkout.EventID]
	var events []checkout.EventID
	var deliveries []checkout.DeliveryID
	for _, e := range list {
		types.add(countKey{project, "event", string(e.Type), ""}, e.ID)
		events, deliveries = append(events, e.ID), append(deliveries, e.Deliveries...)
	}
	for _, cell := range types.order {
		n, err := byKeys(tx, `delete from events where project_id = $1 and type || '' = $2 and id in (@keys)`, types.keys[cell], string(project), cell.facet)
		if err != nil {
			return 0, 0, err
		}
		tx.count(cell, -n)
		removed += n
	}
	for share := range slices.Chunk(events, keysAtOnce) {
		keys, args := keyList(share, []any{string(project), micros(before)})
		var held int64
		err := tx.q.queryRow(tx.ctx, `select count(*) from deliveries where project_id = $1 and (status = 'pending' or finished_at >= $2)
			and event_id in (`+keys+`)`, args...).Scan(&held)
		if err != nil {
			return 0, 0, unavailable(err)
		}
		if held > 0 {
			return 0, 0, ErrConflict
		}
	}
	if _, err := byKeys(tx, `delete from attempts where project_id = $1 and delivery_id in (@keys)`, deliveries, string(project)); err != nil {
		return 0, 0, err
	}
	deliveriesGone, err = byKeys(tx, `delete from deliveries where project_id = $1 and event_id in (@keys)`, events, string(project))
	return removed, deliveriesGone, err
}

// HoldEvent keeps the event from being removed before this transaction ends. ErrConflict: it is gone.
func (tx *Tx) HoldEvent(project checkout.ProjectID, id checkout.EventID) error {
	return tx.swap(`update events set bucket = bucket where project_id = $1 and id = $2`, string(project), string(id))
}

// OldSession is a session that ended before the time given, and its order.
type OldSession struct {
	ID          checkout.SessionID
	Type        checkout.SessionType
	Status      checkout.SessionStatus
	CreatedAt   time.Time
	Order       checkout.OrderID // empty: none
	Gateway     string
	OrderStatus checkout.OrderStatus
	Held        bool // its order has not ended, or has changed after the time given
}

// OldSessions reads the project's sessions of a status that is an end, last changed and expired before the time given,
// that come after the cursor, oldest first.
func (r Reader) OldSessions(ctx context.Context, project checkout.ProjectID, status checkout.SessionStatus, before time.Time, after checkout.Cursor, limit int) ([]*OldSession, error) {
	w := &where{}
	w.word("s.status", string(status))
	return scanAll(ctx, r.q, func(row scanner) (*OldSession, error) {
		var s OldSession
		var created, updated, late int64
		err := row.Scan(&s.ID, &s.Type, &s.Status, &created, &s.Order, &s.Gateway, &s.OrderStatus, &updated, &late)
		s.CreatedAt = fromMicros(created)
		s.Held = s.Order != "" && (!s.OrderStatus.Final() || updated >= micros(before) || late >= micros(before))
		return &s, unavailable(err)
	}, `select s.id, s.type, s.status, s.created_at, coalesce(o.id, ''), coalesce(o.gateway, ''), coalesce(o.status, ''),
		coalesce(o.updated_at, 0), coalesce(o.late_payment_at, 0)
		from sessions s left join orders o on o.project_id = s.project_id and o.session_id = s.id
		where s.project_id = $1 and s.created_at < $2 and s.updated_at < $2 and s.expires_at < $2
		and (s.created_at, s.id) > ($3, $4) and `+w.text("1 = 1")+` order by s.created_at, s.id limit $5`,
		string(project), micros(before), micros(after.CreatedAt), after.ID, limit)
}

// PruneSessions removes the sessions and their orders, all of them or, with ErrConflict, none: one has changed, or is gone.
// An order whose events are gone gets no new one unless it changes.
func (tx *Tx) PruneSessions(project checkout.ProjectID, list []*OldSession, before time.Time) error {
	var orders cells[checkout.OrderID]
	var sessions cells[checkout.SessionID]
	for _, s := range list {
		if s.Order != "" {
			orders.add(countKey{project, "order", s.Gateway, string(s.OrderStatus)}, s.Order)
		}
		sessions.add(countKey{project, "session", string(s.Type), string(s.Status)}, s.ID)
	}
	// Orders first, as whoever moves an order and its session does.
	for _, cell := range orders.order {
		n, err := byKeys(tx, `delete from orders where project_id = $1 and gateway || '' = $2 and status || '' = $3 and updated_at < $4 and late_payment_at < $4
			and id in (@keys)`, orders.keys[cell], string(project), cell.facet, cell.status, micros(before))
		if err != nil {
			return err
		}
		if n != int64(len(orders.keys[cell])) {
			return ErrConflict
		}
		tx.count(cell, -n)
	}
	for _, cell := range sessions.order {
		n, err := byKeys(tx, `delete from sessions where project_id = $1 and type || '' = $2 and status || '' = $3 and updated_at < $4
			and id in (@keys)`, sessions.keys[cell], string(project), cell.facet, cell.status, micros(before))
		if err != nil {
			return err
		}
		if n != int64(len(sessions.keys[cell])) {
			return ErrConflict
		}
		tx.count(cell, -n)
	}
	return nil
}

// OldNotification is a notification that came before the time given.
type OldNotification struct {
	Gateway    string
	DedupKey   string
	ReceivedAt time.Time
	OrderGone  bool // or it never was
	Bare       bool // its body has been removed
}

// OldNotifications reads the project's notifications from before the time given that come after the one given, oldest
// first.
func (r Reader) OldNotifications(ctx context.Context, project checkout.ProjectID, before time.Time, after OldNotification, limit int) ([]OldNotification, error) {
	return scanAll(ctx, r.q, func(row scanner) (OldNotification, error) {
		var n OldNotification
		var received, length int64
		var order string
		err := row.Scan(&n.Gateway, &n.DedupKey, &received, &length, &order)
		n.ReceivedAt, n.OrderGone, n.Bare = fromMicros(received), order == "", length == 0
		return n, unavailable(err)
	}, `select n.gateway, n.dedup_key, n.received_at, length(n.body),
		coalesce((select o.id from orders o where o.project_id = n.project_id and o.id = n.order_id), '')
		from notifications n where n.project_id = $1 and n.received_at < $2 and (n.received_at, n.gateway, n.dedup_key) > ($3, $4, $5)
		order by n.received_at, n.gateway, n.dedup_key limit $6`,
		string(project), micros(before), micros(after.ReceivedAt), after.Gateway, after.DedupKey, limit)
}

// PruneNotifications removes the notifications whose order is gone, which does not come back, and the bodies of the
// others: a row is what keeps a notification from being applied twice, and stays as long as its order. It returns how many
// of either.
func (tx *Tx) PruneNotifications(project checkout.ProjectID, list []OldNotification, before time.Time) (removed, bodies int64, err error) {
	var gone, kept cells[string]
	for _, n := range list {
		switch cell := (countKey{facet: n.Gateway}); {
		case n.OrderGone:
			gone.add(cell, n.DedupKey)
		case !n.Bare:
			kept.add(cell, n.DedupKey)
		}
	}
	for _, cell := range gone.order {
		// The index by age has all the columns but the body, and would be preferred for that.
		n, err := byKeys(tx, `delete from notifications where project_id = $1 and gateway = $2 and received_at + 0 < $3 and length(body) >= 0 and dedup_key in (@keys)`,
			gone.keys[cell], string(project), cell.facet, micros(before))
		if err != nil {
			return 0, 0, err
		}
		removed += n
	}
	for _, cell := range kept.order {
		n, err := byKeys(tx, `update notifications set body = $4 where project_id = $1 and gateway = $2 and received_at + 0 < $3 and length(body) > 0
			and dedup_key in (@keys)`, kept.keys[cell], string(project), cell.facet, micros(before), []byte{})
		if err != nil {
			return 0, 0, err
		}
		bodies += n
	}
	return removed, bodies, nil
}

// StaleIdempotent reads the keys of records from before the time given, of all projects, oldest first.
func (r Reader) StaleIdempotent(ctx context.Context, before time.Time, limit int) (map[checkout.ProjectID][]string, error) {
	stale := map[checkout.ProjectID][]string{}
	_, err := scanAll(ctx, r.q, func(row scanner) (none struct{}, err error) {
		var project checkout.ProjectID
		var key string
		if err := row.Scan(&project, &key); err != nil {
			return none, unavailable(err)
		}
		stale[project] = append(stale[project], key)
		return none, nil
	}, `select project_id, key from idempotency where created_at < $1 order by created_at limit $2`, micros(before), limit)
	return stale, err
}

// PruneIdempotent removes those of the records that are from before the time given, and returns how many. A key that was
// used anew meanwhile stays.
func (tx *Tx) PruneIdempotent(project checkout.ProjectID, keys []string, before time.Time) (int64, error) {
	return byKeys(tx, `delete from idempotency where project_id = $1 and created_at + 0 < $2 and key in (@keys)`, keys, string(project), micros(before))
}
