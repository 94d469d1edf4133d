package syncer

import (
	"unicode/utf8"

	"tasksync/queries"
	"tasksync/task"
)

// addClip adds a clip to the arrays of the insert, if it has no row yet, or of
// the update.
func addClip(insert *queries.ClipInsertManyParams, update *queries.ClipUpdateManyParams, generationID string, c task.Clip) {
	if c.ID == "" {
		insert.GenerationIds = append(insert.GenerationIds, generationID)
		insert.ClipIds = append(insert.ClipIds, c.ClipID)
		insert.Statuses = append(insert.Statuses, string(c.Status))
		insert.Titles = append(insert.Titles, c.Title)
		insert.AudioUrls = append(insert.AudioUrls, c.AudioURL)
		insert.StreamAudioUrls = append(insert.StreamAudioUrls, c.StreamAudioURL)
		insert.VideoUrls = append(insert.VideoUrls, c.VideoURL)
		insert.ImageUrls = append(insert.ImageUrls, c.ImageURL)
		insert.Lyrics = append(insert.Lyrics, c.Lyrics)
		insert.Tags = append(insert.Tags, c.Tags)
		insert.ModelNames = append(insert.ModelNames, c.ModelName)
		insert.Durations = append(insert.Durations, c.Duration)
		return
	}
	update.Ids = append(update.Ids, c.ID)
	update.ClipIds = append(update.ClipIds, c.ClipID)
	update.Statuses = append(update.Statuses, string(c.Status))
	update.Titles = append(update.Titles, c.Title)
	update.AudioUrls = append(update.AudioUrls, c.AudioURL)
	update.StreamAudioUrls = append(update.StreamAudioUrls, c.StreamAudioURL)
	update.VideoUrls = append(update.VideoUrls, c.VideoURL)
	update.ImageUrls = append(update.ImageUrls, c.ImageURL)
	update.Lyrics = append(update.Lyrics, c.Lyrics)
	update.Tags = append(update.Tags, c.Tags)
	update.ModelNames = append(update.ModelNames, c.ModelName)
	update.Durations = append(update.Durations, c.Duration)
}

func (s *Syncer) addStatus(p *queries.GenerationUpdateManyParams, m *member) {
	p.Ids = append(p.Ids, m.g.ID)
	p.Statuses = append(p.Statuses, string(m.decision.Status))
	p.Words = append(p.Words, s.cfg.Words.Write(m.decision.Status))
	p.ErrorCodes = append(p.ErrorCodes, string(m.decision.ErrorCode))
	p.ErrorMessages = append(p.ErrorMessages, cut(m.decision.ErrorMessage, s.cfg.MessageLength))
}

// cut returns the first n characters of text; all of them if n is 0.
func cut(text string, n int) string {
	if n == 0 || utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

func addEvent(p *queries.EventInsertManyParams, via Via, m *member) {
	p.GenerationIds = append(p.GenerationIds, m.g.ID)
	p.UserIds = append(p.UserIds, m.g.UserID)
	p.FromStatuses = append(p.FromStatuses, string(m.g.Status))
	p.ToStatuses = append(p.ToStatuses, string(m.decision.Status))
	p.Vias = append(p.Vias, string(viaOf(via, m)))
	p.UpstreamStatuses = append(p.UpstreamStatuses, rawStatus(m))
	p.Reasons = append(p.Reasons, m.decision.Reason)
	p.ErrorCodes = append(p.ErrorCodes, string(m.decision.ErrorCode))
}

// viaOf returns the cause of m's decision in a pass caused by via.
func viaOf(via Via, m *member) Via {
	if m.decision.TimedOut {
		return ViaTimeout
	}
	return via
}

// rawStatus returns the provider's own word for the status of the task.
func rawStatus(m *member) string {
	if m.seen.Observation == nil {
		return ""
	}
	return task.Redact(m.seen.Observation.Raw)
}
