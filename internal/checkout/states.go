package checkout

import "slices"

// SessionStatus is where a session stands (contract §2.9).
type SessionStatus string

// The statuses of a session.
const (
	SessionPending    SessionStatus = "pending"
	SessionConfirmed  SessionStatus = "confirmed"
	SessionProcessing SessionStatus = "processing"
	SessionCompleted  SessionStatus = "completed"
	SessionCancelled  SessionStatus = "cancelled"
	SessionExpired    SessionStatus = "expired"
)

// SessionStatuses lists them all.
var SessionStatuses = []SessionStatus{SessionPending, SessionConfirmed, SessionProcessing, SessionCompleted, SessionCancelled, SessionExpired}

// Open tells whether a session of the status waits for its order; its time runs.
func (s SessionStatus) Open() bool { return s == SessionPending || s == SessionConfirmed }

// SessionTransition is one arrow of the session's state diagram.
type SessionTransition struct {
	From SessionStatus
	To   SessionStatus
	On   string
}

// SessionTransitions is the state machine of contract §2.9; docs/states.md is generated from it. The arrows back from
// processing are of a reservation whose gateway call failed: the session is not used up.
var SessionTransitions = []SessionTransition{
	{SessionPending, SessionConfirmed, "confirm"},
	{SessionConfirmed, SessionConfirmed, "confirm"},
	{SessionPending, SessionProcessing, "order"},
	{SessionConfirmed, SessionProcessing, "order"},
	{SessionPending, SessionCancelled, "cancel"},
	{SessionConfirmed, SessionCancelled, "cancel"},
	{SessionPending, SessionExpired, "TTL"},
	{SessionConfirmed, SessionExpired, "TTL"},
	{SessionProcessing, SessionPending, "gateway unavailable"},
	{SessionProcessing, SessionConfirmed, "gateway unavailable"},
	{SessionProcessing, SessionCompleted, "order completed"},
	{SessionProcessing, SessionCancelled, "order failed, cancelled or refunded"},
	{SessionProcessing, SessionExpired, "order expired"},
}

// CanBecome tells whether the state machine has an arrow from the one status to the other.
func (s SessionStatus) CanBecome(to SessionStatus) bool {
	return slices.ContainsFunc(SessionTransitions, func(t SessionTransition) bool { return t.From == s && t.To == to })
}

// OrderStatus is where an order stands (contract §3).
type OrderStatus string

// The statuses of an order. OrderCreating is ours alone: the order is reserved and its gateway is being asked; no
// reader is shown it.
const (
	OrderCreating   OrderStatus = "creating"
	OrderCreated    OrderStatus = "created"
	OrderPending    OrderStatus = "pending"
	OrderProcessing OrderStatus = "processing"
	OrderCompleted  OrderStatus = "completed"
	OrderFailed     OrderStatus = "failed"
	OrderCancelled  OrderStatus = "cancelled"
	OrderExpired    OrderStatus = "expired"
	OrderRefunded   OrderStatus = "refunded"
)

// OrderStatusInfo is what follows from a status.
type OrderStatusInfo struct {
	Status  OrderStatus
	Rank    int           // a status only gives way to one of higher rank
	Session SessionStatus // what the session becomes with it; empty: unchanged
	Event   EventType     // what the partner is told; empty: nothing
}

// OrderStatusTable is the order's state machine: statuses only move to a higher rank (contract §3). A refund may follow
// completion or failure, not a cancellation or an expiry, where no money had come.
var OrderStatusTable = []OrderStatusInfo{
	{OrderCreated, 0, SessionProcessing, EventPending},
	{OrderPending, 1, "", ""},
	{OrderProcessing, 2, "", EventProcessing},
	{OrderCompleted, 3, SessionCompleted, EventCompleted},
	{OrderFailed, 3, SessionCancelled, EventFailed},
	{OrderCancelled, 3, SessionCancelled, EventCancelled},
	{OrderExpired, 3, SessionExpired, EventExpired},
	{OrderRefunded, 4, SessionCancelled, EventRefunded},
}

// Info is the status' row of the table; ok is false for a status that no reader is shown.
func (s OrderStatus) Info() (info OrderStatusInfo, ok bool) {
	i := slices.IndexFunc(OrderStatusTable, func(r OrderStatusInfo) bool { return r.Status == s })
	if i < 0 {
		return OrderStatusInfo{}, false
	}
	return OrderStatusTable[i], true
}

// CanBecome tells whether an order of this status may take the other.
func (s OrderStatus) CanBecome(to OrderStatus) bool {
	from, ok := s.Info()
	next, known := to.Info()
	if !ok || !known || next.Rank <= from.Rank {
		return false
	}
	return to != OrderRefunded || (s != OrderCancelled && s != OrderExpired)
}

// Final tells whether nothing but a refund can follow.
func (s OrderStatus) Final() bool {
	info, ok := s.Info()
	return ok && info.Rank >= 3
}
