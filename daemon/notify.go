package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tasksync/internal/database"
	"tasksync/internal/outgoing"
	"tasksync/internal/view"
	"tasksync/jobs"
)

// Notification is a signed POST to a server of the application's, as an operator sees it.
type Notification = outgoing.Notification

// ReplayRequest says which notifications are sent again.
type ReplayRequest = outgoing.ReplayRequest

// NotifyTested is what a receiver answered to an example.
type NotifyTested = outgoing.Tested

// NotifyStates returns the states of a notification.
func NotifyStates() []string { return outgoing.States() }

// receivers reads the fields about notifications.
func (c Config) receivers() (receivers []outgoing.Receiver, secrets []outgoing.Secret, err error) {
	for i, raw := range c.NotifyURLs {
		r, err := outgoing.NewReceiver(raw)
		if err != nil {
			return nil, nil, wrong("NotifyURLs", "%s (the URL with number %d)", err, i+1)
		}
		if slices.ContainsFunc(receivers, func(o outgoing.Receiver) bool { return o.Name == r.Name }) {
			return nil, nil, wrong("NotifyURLs", "has the URL with number %d twice", i+1)
		}
		receivers = append(receivers, r)
	}
	for i, text := range c.NotifySecrets {
		s, err := outgoing.NewSecret(text)
		if err != nil {
			return nil, nil, wrong("NotifySecrets", "has a secret, number %d, that %s; make one with: %s", i+1, err, makeSecret)
		}
		secrets = append(secrets, s)
	}
	switch {
	case len(receivers) > outgoing.MaxReceivers:
		return nil, nil, wrong("NotifyURLs", "has more than %d URLs", outgoing.MaxReceivers)
	case len(receivers) > 0 && len(secrets) == 0:
		return nil, nil, wrong("NotifySecrets", "is not set, so that a server could not tell that a notification is tasksync's; make one with: %s", makeSecret)
	case len(receivers) == 0 && len(secrets) > 0:
		return nil, nil, wrong("NotifyURLs", "is not set, so that the secret for it has no effect; give the address of your server")
	}
	return receivers, secrets, nil
}

const makeSecret = `echo "whsec_$(openssl rand -base64 32)"`

func (c Config) validateNotify() error {
	_, _, err := c.receivers()
	return err
}

// openNotifier makes what tells the application's servers of ends. Without URLs there is
// none, and no end costs anything more.
func (d *daemon) openNotifier() error {
	receivers, secrets, err := d.cfg.receivers()
	if err != nil || len(receivers) == 0 {
		return err
	}
	cfg := outgoing.Config{
		Pool: d.pool, Receivers: receivers, Secrets: secrets, Schema: jobs.Schema, Version: d.cfg.Version,
		Show: view.Options{Words: d.cfg.words()}, Logger: d.cfg.Logger, Now: d.now,
	}
	if d.registry != nil {
		cfg.Registerer = d.registry
	}
	d.notifier, err = outgoing.New(cfg)
	return err
}

// extras are the kinds of jobs beside those of package jobs.
func (d *daemon) extras() (extras []jobs.Extra) {
	if d.notifier != nil {
		extras = append(extras, jobs.Extra{Add: d.notifier.AddTo, Queues: d.notifier.Queues(), Upkeep: d.notifier.Upkeep})
	}
	return extras
}

// NotifyList returns the newest notifications in some states. It needs a DatabaseURL only.
func NotifyList(ctx context.Context, cfg Config, states []string, limit int) ([]Notification, error) {
	cfg = cfg.WithDefaults()
	pool, err := OpenPool(ctx, cfg.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	list, err := outgoing.List(ctx, pool, states, limit)
	if database.Code(err) == database.UndefinedTable {
		return nil, fmt.Errorf("%w: run `tasksync migrate up`", ErrSchema)
	}
	return list, err
}

// NotifyReplay has notifications sent again by a running daemon, and returns how many, and
// how many it has left because their receivers are not configured.
func NotifyReplay(ctx context.Context, cfg Config, req ReplayRequest) (replayed, strangers int, err error) {
	cfg = cfg.WithDefaults()
	switch err := cfg.validateNotify(); {
	case err != nil:
		return 0, 0, err
	case len(cfg.NotifyURLs) == 0:
		return 0, 0, wrong("NotifyURLs", "is not set; give the URLs that the daemon has")
	}
	d, err := connect(ctx, cfg)
	if err != nil {
		return 0, 0, err
	}
	defer d.pool.Close()
	defer d.notifier.Close()
	if req.To != "" && !slices.Contains(d.notifier.Receivers(), req.To) {
		return 0, 0, fmt.Errorf("%w: there is no receiver %q; the URLs have %q", ErrConfig, req.To, d.notifier.Receivers())
	}
	return d.notifier.Replay(ctx, req)
}

// NotifyTest sends an example to each receiver. It needs no database.
func NotifyTest(ctx context.Context, cfg Config) ([]NotifyTested, error) {
	cfg = cfg.WithDefaults()
	receivers, secrets, err := cfg.receivers()
	switch {
	case err != nil:
		return nil, err
	case len(receivers) == 0:
		return nil, wrong("NotifyURLs", "is not set; give the addresses of your servers")
	}
	tested, err := outgoing.Test(ctx, outgoing.Config{Receivers: receivers, Secrets: secrets, Version: cfg.Version})
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return tested, nil
}
