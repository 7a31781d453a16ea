package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sliproad/sliproad/internal/store"
)

type serveCommand struct {
	serveFlags `embed:""`
	JSON       bool `name:"json" help:"Print one line of JSON, {\"url\"}, when ready."`
}

func (c *serveCommand) Run(ctx context.Context, s streams) error {
	set, wrong := c.understand()
	if err := wrong.err(); err != nil {
		return err
	}
	srv, err := newServer(ctx, set, false, s.err)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.out).Encode(struct {
			URL string `json:"url"`
		}{srv.url})
	} else {
		_, err = fmt.Fprintf(s.out, "sliproad %s serves %s (%s)\n", version(), srv.url, store.Redact(set.database))
	}
	if err != nil {
		return err
	}
	return srv.run(ctx)
}
