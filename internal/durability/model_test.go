package durability_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sliproad/sliproad/api"
)

// The steps of a history. An answered order is two of them, because readers may see the session as processing before its
// order is there; a simulation is two too: it moves the order, and then reads what the order has become meanwhile.
const (
	stepGet      = "get"
	stepConfirm  = "confirm"
	stepCancel   = "cancel"
	stepRefused  = "order refused"
	stepReserve  = "order: reserve"
	stepRecord   = "order: record"
	stepMove     = "simulate: move"
	stepMoved    = "simulate: read"
	stepGetOrder = "get order"
)

// input is a step of one session. token ties the steps of one request together, 0 to 63 in a session.
type input struct {
	session string
	step    string
	token   int
	target  string // the status to simulate
}

// output is what the client saw: an error code, or else status and order.
type output struct {
	code   string
	status string
	order  string
}

// state is a session and its order by contract §2.9 and §3.
type state struct {
	status      string
	reserved    bool
	holder      int // token of the order that has reserved the session
	order       string
	orderStatus string
	late        bool   // money came after the order's end
	moved       uint64 // the simulations that have been applied, by token
}

// sessionModel is the contract, one session a partition.
var sessionModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byID := map[string][]porcupine.Operation{}
		for _, op := range history {
			id := op.Input.(input).session
			byID[id] = append(byID[id], op)
		}
		var parts [][]porcupine.Operation
		for _, ops := range byID {
			parts = append(parts, ops)
		}
		return parts
	},
	Init: func() any { return state{status: "pending"} },
	Step: func(s, in, out any) (bool, any) { return s.(state).step(in.(input), out.(output)) },
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		return fmt.Sprintf("%s %s → %s%s %s", i.step, i.target, o.code, o.status, o.order)
	},
}

func (s state) open() bool { return s.status == "pending" || s.status == "confirmed" }

// refusal is the error that confirm, order and cancel get in this state; empty: none.
func (s state) refusal() string {
	switch {
	case s.reserved:
		return api.CodeSessionAlreadyUsed
	case s.status == "expired":
		return api.CodeSessionExpired
	case s.status == "cancelled":
		return api.CodeSessionCancelled
	}
	return ""
}

func (s state) step(in input, out output) (bool, state) {
	switch in.step {
	case stepGet:
		return out.status == s.status && out.order == s.order, s
	case stepGetOrder:
		return out.status == s.orderStatus && s.order != "", s
	case stepConfirm, stepCancel:
		return s.act(in.step, out)
	case stepRefused:
		return out.code != "" && out.code == s.refusal(), s
	case stepReserve:
		ok := s.open()
		s.status, s.reserved, s.holder = "processing", true, in.token
		return ok, s
	case stepRecord:
		ok := s.reserved && s.holder == in.token && s.order == ""
		s.order, s.orderStatus = out.order, "created"
		return ok, s
	case stepMove:
		ok := s.order != ""
		s.move(in.target)
		s.moved |= 1 << in.token
		return ok, s
	case stepMoved:
		return s.moved&(1<<in.token) != 0 && out.status == s.orderStatus, s
	}
	panic("no step " + in.step)
}

func (s state) act(step string, out output) (bool, state) {
	if step == stepCancel && s.status == "cancelled" && !s.reserved { // cancelling a cancelled one changes nothing
		return out.code == "" && out.status == "cancelled", s
	}
	if refusal := s.refusal(); refusal != "" {
		return out.code == refusal, s
	}
	s.status = "confirmed"
	if step == stepCancel {
		s.status = "cancelled"
	}
	return out.code == "" && out.status == s.status, s
}

// ranks: an order moves to a higher rank only (contract §3); what was never paid isn't refunded.
var ranks = map[string]int{
	"created": 0, "pending": 1, "processing": 2, "completed": 3, "failed": 3, "cancelled": 3, "expired": 3, "refunded": 4,
}

// ends is what a session becomes with its order; a refund of an order that had not ended ends it.
var ends = map[string]string{
	"completed": "completed", "failed": "cancelled", "cancelled": "cancelled", "expired": "expired", "refunded": "cancelled",
}

func (s *state) move(to string) {
	unpaid := s.orderStatus == "cancelled" || s.orderStatus == "expired"
	if to == "completed" && (unpaid || s.orderStatus == "failed") {
		s.late = true
	}
	if ranks[to] <= ranks[s.orderStatus] || (to == "refunded" && unpaid && !s.late) {
		return
	}
	s.orderStatus = to
	if end, ok := ends[to]; ok && s.status == "processing" {
		s.status = end
	}
}

// tellIllegal logs the first session whose history is impossible.
func tellIllegal(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	for _, part := range sessionModel.Partition(history) {
		if porcupine.CheckOperationsTimeout(sessionModel, part, time.Minute) == porcupine.Ok {
			continue
		}
		slices.SortStableFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		for _, op := range part {
			t.Logf("client %d, %v to %v: %s", op.ClientId, time.Duration(op.Call), time.Duration(op.Return), sessionModel.DescribeOperation(op.Input, op.Output))
		}
		return
	}
}

// at is an operation from the one time to the other.
func at(from, to int64, in input, out output) porcupine.Operation {
	return porcupine.Operation{Input: in, Call: from, Output: out, Return: to}
}

// TestModel shows that the checker can fail: impossible histories, each a bug that a server might have.
func TestModel(t *testing.T) {
	t.Parallel()
	order := func(from, to int64, token int, id string) []porcupine.Operation {
		return []porcupine.Operation{
			at(from, to, input{step: stepReserve, token: token}, output{}),
			at(from, to, input{step: stepRecord, token: token}, output{order: id}),
		}
	}
	simulate := func(from, to int64, token int, target, became string) []porcupine.Operation {
		return []porcupine.Operation{
			at(from, to, input{step: stepMove, token: token, target: target}, output{}),
			at(from, to, input{step: stepMoved, token: token}, output{status: became}),
		}
	}
	get := func(from, to int64, status, order string) []porcupine.Operation {
		return []porcupine.Operation{at(from, to, input{step: stepGet}, output{status: status, order: order})}
	}
	act := func(from, to int64, step string, out output) []porcupine.Operation {
		return []porcupine.Operation{at(from, to, input{step: step}, out)}
	}
	confirmed, cancelled := output{status: "confirmed"}, output{status: "cancelled"}
	used := output{code: api.CodeSessionAlreadyUsed}
	type history = [][]porcupine.Operation
	for _, tt := range []struct {
		name    string
		history history
		want    porcupine.CheckResult
	}{
		{"a whole life", history{
			get(1, 2, "pending", ""), act(3, 4, stepConfirm, confirmed), order(5, 6, 1, "a"), get(7, 8, "processing", "a"),
			simulate(9, 10, 2, "completed", "completed"), get(11, 12, "completed", "a"),
		}, porcupine.Ok},
		{"processing is seen before the order", history{order(1, 10, 1, "a"), get(2, 3, "processing", ""), get(4, 5, "processing", "a")}, porcupine.Ok},
		{"two racing orders, one refused", history{order(1, 10, 1, "a"), act(1, 10, stepRefused, used)}, porcupine.Ok},
		{"two racing ends, the second sees the first", history{
			order(1, 2, 1, "a"), simulate(3, 9, 2, "completed", "failed"), simulate(3, 9, 3, "failed", "failed"),
		}, porcupine.Ok},
		{"two orders", history{order(1, 10, 1, "a"), order(2, 9, 2, "b")}, porcupine.Illegal},
		{"an order and a cancellation", history{order(1, 10, 1, "a"), act(2, 9, stepCancel, cancelled)}, porcupine.Illegal},
		{"confirmed after its cancellation", history{act(1, 2, stepCancel, cancelled), act(3, 4, stepConfirm, confirmed)}, porcupine.Illegal},
		{"a stale read", history{act(1, 2, stepConfirm, confirmed), get(3, 4, "pending", "")}, porcupine.Illegal},
		{"read, then unread", history{
			act(1, 20, stepConfirm, confirmed), get(2, 3, "confirmed", ""), get(4, 5, "pending", ""),
		}, porcupine.Illegal},
		{"a lost order", history{order(1, 2, 1, "a"), get(3, 4, "pending", "")}, porcupine.Illegal},
		{"an order that is not shown", history{order(1, 2, 1, "a"), get(3, 4, "processing", "")}, porcupine.Illegal},
		{"refused without reason", history{act(1, 2, stepRefused, used)}, porcupine.Illegal},
		{"an order goes back", history{
			order(1, 2, 1, "a"), simulate(3, 4, 2, "completed", "completed"), simulate(5, 6, 3, "failed", "failed"),
		}, porcupine.Illegal},
		{"a session that does not follow", history{
			order(1, 2, 1, "a"), simulate(3, 4, 2, "failed", "failed"), get(5, 6, "processing", "a"),
		}, porcupine.Illegal},
		{"late money, refunded", history{
			order(1, 2, 1, "a"), simulate(3, 4, 2, "expired", "expired"), simulate(5, 6, 3, "completed", "expired"), simulate(7, 8, 4, "refunded", "refunded"),
		}, porcupine.Ok},
		{"a refund of nothing", history{
			order(1, 2, 1, "a"), simulate(3, 4, 2, "expired", "expired"), simulate(7, 8, 4, "refunded", "refunded"),
		}, porcupine.Illegal},
		{"a simulation that did nothing", history{order(1, 2, 1, "a"), simulate(3, 4, 2, "completed", "created")}, porcupine.Illegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := porcupine.CheckOperationsTimeout(sessionModel, slices.Concat(tt.history...), time.Minute); got != tt.want {
				t.Errorf("the checker says %s, want %s", got, tt.want)
			}
		})
	}
}
