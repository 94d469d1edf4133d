package jobs

import (
	"context"
	"fmt"
	"net/http"

	"riverqueue.com/riverui"
)

// UI returns River's page about jobs, for paths below prefix. It runs until ctx ends. It
// can change jobs: who may call it is for the caller to see to.
func (c *Client) UI(ctx context.Context, prefix string) (http.Handler, error) {
	ui, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(c.river, nil), Logger: quiet(c.cfg.Logger, c.cfg.Now), Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("river ui: %w", err)
	}
	if err := ui.Start(ctx); err != nil {
		return nil, fmt.Errorf("start river ui: %w", err)
	}
	return ui, nil
}
