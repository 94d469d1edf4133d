package main

import "tasksync/daemon"

// notifyFlags say which servers of the application's are told of ends.
type notifyFlags struct {
	NotifyURLs    []string `name:"notify-url" env:"TASKSYNC_NOTIFY_URL" placeholder:"URL" help:"Servers of yours that get a signed POST for each row that ends (default: none)." group:"notify"`
	NotifySecrets []string `name:"notify-secret" env:"TASKSYNC_NOTIFY_SECRET" placeholder:"SECRET" help:"Secret of these POSTs, whsec_ and 32 bytes in base64; a second one during a change. Prefer the environment: flags show in process lists." group:"notify"`
}

// notify sets the fields of cfg that the flags are for.
func (f notifyFlags) notify(cfg *daemon.Config) {
	cfg.NotifyURLs, cfg.NotifySecrets = trimmed(f.NotifyURLs), trimmed(f.NotifySecrets)
}
