package syncer

import "tasksync/task"

// shown returns d as the columns can show it, if the application has one word for two
// pending statuses. A status that reads like the one before is no change; else each
// look would write the same word again.
func (s *Syncer) shown(m *member, d task.Decision) task.Decision {
	if d.Status.Pending() {
		d.Status = m.g.Status.Join(s.cfg.Words.Shown(d.Status))
	}
	if len(d.Clips) == 0 {
		return d
	}
	have := make(map[string]task.Clip, len(m.clips))
	for _, c := range m.clips {
		have[c.ID] = c
	}
	changed := make([]task.Clip, 0, len(d.Clips))
	for _, c := range d.Clips {
		if c.Status.Pending() {
			c.Status = have[c.ID].Status.Join(s.cfg.Words.Shown(c.Status))
		}
		if c.ID == "" || c != have[c.ID] {
			changed = append(changed, c)
		}
	}
	d.Clips = changed
	return d
}

// clipWord returns the word that a clip's status has in its column. A status that
// stays keeps the application's spelling.
func (s *Syncer) clipWord(m *member, c task.Clip) string {
	if word, ok := m.words[c.ID]; ok && s.cfg.Words.Read(word) == c.Status {
		return word
	}
	return s.cfg.Words.Write(c.Status)
}
