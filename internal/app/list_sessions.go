package app

import (
	"context"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ListSessions reads one page of the project's sessions (contract §2.8).
func (a *App) ListSessions(ctx context.Context, call *checkout.Call, f checkout.SessionFilter, p checkout.Page) (checkout.List[*checkout.Session], error) {
	return again(ctx, func() (checkout.List[*checkout.Session], error) {
		list, err := a.DB.Sessions(ctx, call.Project.ID, f, p, call.Now)
		if err != nil {
			return list, err
		}
		var late []*checkout.Session
		for _, s := range list.Rows {
			if overdue(s, call.Now) {
				late = append(late, s)
			}
		}
		if len(late) == 0 {
			return list, nil
		}
		return list, a.expire(ctx, late, call.Now)
	})
}
