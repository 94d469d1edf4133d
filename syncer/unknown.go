package syncer

import "tasksync/task"

// WarnUnknown logs that the task type of a pending row has no handler, or that the
// row's provider is not configured: once for each type and each provider.
func (s *Syncer) WarnUnknown(g task.Generation) {
	if g.Type == "" || !g.Status.Pending() {
		return
	}
	g.Provider = s.cfg.Providers.Name(g.Provider)
	_, known := s.cfg.Policy.Handlers[g.Type]
	g.Type = task.Type(task.Redact(string(g.Type)))
	if !known && s.warned.First("type "+string(g.Type), s.cfg.Now()) {
		s.cfg.Logger.Warn("[TaskSync] Unknown task type; its rows are left pending", attrs(g)...)
	}
	if s.sources[g.Provider] == nil && s.warned.First("provider "+g.Provider, s.cfg.Now()) {
		s.cfg.Logger.Warn("[TaskSync] Unknown provider; its rows are left pending until TASKSYNC_PROVIDERS names it", append(attrs(g), "provider", task.Redact(g.Provider))...)
	}
}
