package app

import (
	"context"
	"slices"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// LoggedDelivery is a delivery with its attempts.
type LoggedDelivery struct {
	Delivery *checkout.Delivery
	Attempts []checkout.Attempt
}

// ListDeliveries reads the delivery log of an event, the newest delivery first.
func (a *App) ListDeliveries(ctx context.Context, call *checkout.Call, id checkout.EventID, p checkout.Page) (checkout.List[LoggedDelivery], error) {
	var list checkout.List[LoggedDelivery]
	if _, err := a.GetEvent(ctx, call, id); err != nil {
		return list, err
	}
	err := a.DB.Snapshot(ctx, func(r store.Reader) error { // else an attempt may be in the log that its delivery doesn't know yet
		list = checkout.List[LoggedDelivery]{}
		rows, err := r.DeliveriesOf(ctx, call.Project.ID, id)
		if err != nil {
			return err
		}
		list.Total = int64(len(rows))
		from := (p.Number - 1) * p.Size
		if p.After != nil {
			from = slices.IndexFunc(rows, func(d *checkout.Delivery) bool { return string(d.ID) < p.After.ID })
		}
		if from < 0 || from >= len(rows) {
			return nil
		}
		to := min(from+p.Size, len(rows))
		for _, d := range rows[from:to] {
			attempts, err := r.Attempts(ctx, d)
			if err != nil {
				return err
			}
			list.Rows = append(list.Rows, LoggedDelivery{d, attempts})
		}
		if to < len(rows) {
			list.Next = &checkout.Cursor{CreatedAt: rows[to-1].CreatedAt, ID: string(rows[to-1].ID)}
		}
		return nil
	})
	return list, err
}
