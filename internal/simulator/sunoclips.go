package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tasksync/task"
)

// sunoclips is the wire format of Suno's own token-based API, below its base URL. The
// API has clips and lyrics, but no tasks: a task's id lists the ids of its clips, with
// commas. A song is one clip; an extension is two, for which an application would make
// two requests. The dialects are:
//
//	""        a bare array of clips
//	wrapped   {"clips": […]}
//	sentinel  a bare array, in which no clip ever gets audio
type sunoclips struct {
	dialect string
	clips   *clipIndex
}

// The dialects beside the usual one.
const (
	sunoclipsWrapped  = "wrapped"
	sunoclipsSentinel = "sentinel"
)

func newSunoclips(dialect string) sunoclips {
	return sunoclips{dialect: dialect, clips: &clipIndex{tasks: make(map[string]string)}}
}

func (sunoclips) name() string { return "sunoclips" }

func (f sunoclips) routes() []route {
	return []route{
		{"POST /generate", f.submit(task.Generate)},
		// The page names no merge and no lyrics; these are the paths of the web
		// application, below the same base.
		{"POST /concat", f.submit(task.Merge)},
		{"POST /lyrics", f.submit(task.Lyrics)},
		{"GET /clips", f.list},
		{"GET /lyrics/{id}", f.lyric},
	}
}

// fit: a clip has a status from the first answer on, errors are texts, and unknown clips
// are missing from the answer. There are no videos and no model names.
func (f sunoclips) fit(l *life) {
	l.withOneURL()
	l.withOneLyric()
	l.withoutCodes()
	l.withoutDelivery()
	l.withoutVideo()
	if l.lyrics() {
		l.id = dashed(l.id)
		return
	}
	l.leftOut = true
	if l.taskType == task.Generate {
		l.withOneItem()
	}
	for i := range l.items {
		l.items[i].ModelName = ""
		if f.dialect == sunoclipsSentinel {
			l.items[i].AudioURL = sentinel
		}
	}
	l.withoutFirst()
	l.withNamesOnly()
	f.clips.add(l)
}

// withoutFirst is for a format in which a task of one clip has no state "the first clip
// is final": the task ends when all clips are final.
func (l *life) withoutFirst() {
	if len(l.items) == 1 {
		l.phases = slices.DeleteFunc(l.phases, func(p phase) bool { return p.state == firstDone })
	}
}

// withNamesOnly is for a format that tells the ids of clips from the first answer on.
func (l *life) withNamesOnly() {
	for i := range l.phases {
		p := &l.phases[i]
		if p.state != waiting && p.state != strange {
			continue
		}
		for at := range l.items {
			p.shows = append(p.shows, shownItem{at, depthFaded})
		}
	}
}

// clipIndex finds the task that a clip belongs to.
type clipIndex struct {
	mu    sync.RWMutex
	tasks map[string]string
}

// add makes the id of a life from its clips.
func (x *clipIndex) add(l *life) {
	var ids []string
	for _, item := range l.items {
		ids = append(ids, item.ID)
	}
	l.id = strings.Join(ids, ",")
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		x.tasks[id] = l.id
	}
}

func (x *clipIndex) task(clipID string) string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tasks[strings.ToLower(clipID)]
}

// list answers with the clips that are asked for, task by task.
func (f sunoclips) list(s *Simulator, r *http.Request) reply {
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	if ids[0] == "" {
		return f.errorReply(badRequest, "ids is required")
	}
	var tasks []string
	for i, id := range ids {
		ids[i] = strings.ToLower(strings.TrimSpace(id))
		tasks = append(tasks, f.clips.task(ids[i]))
	}
	told, fault := s.statuses(f, tasks, func(l *life) bool { return !l.lyrics() })
	if fault.swallows() {
		return reply{fault: fault}
	}
	clips := sunoclipsAmong(told, ids)
	rep := f.encode(clips)
	if f.dialect == sunoclipsWrapped {
		rep = f.encode(map[string]any{"clips": clips})
	}
	rep.fault = fault
	return rep
}

// sunoclipsAmong returns the clips of these tasks that have one of the ids.
func sunoclipsAmong(told []json.RawMessage, ids []string) []json.RawMessage {
	found := []json.RawMessage{}
	for _, group := range told {
		var clips []json.RawMessage
		mustUnmarshal(group, &clips)
		for _, clip := range clips {
			var named struct {
				ID string `json:"id"`
			}
			mustUnmarshal(clip, &named)
			if slices.Contains(ids, named.ID) {
				found = append(found, clip)
			}
		}
	}
	return found
}

func mustUnmarshal(data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		panic(fmt.Sprintf("simulator: decode: %v", err)) // the simulator has encoded it
	}
}

func (f sunoclips) lyric(s *Simulator, r *http.Request) reply {
	return s.status(f, r.PathValue("id"), (*life).lyrics)
}

// submit answers a song with its clip, and lyrics with their id.
func (f sunoclips) submit(taskType task.Type) handler {
	return submitting(f, taskType, "Topic", func(s *Simulator, o order, fields sunoclipsSubmit) reply {
		if why, detail := fields.check(taskType); detail != "" {
			return f.errorReply(why, detail)
		}
		id := s.submit(o)
		t, _ := s.subject(id)
		if t.life.lyrics() {
			return f.encode(map[string]string{"id": id})
		}
		var clips []json.RawMessage
		mustUnmarshal(f.tell(t, t.life.phases[0]), &clips)
		return f.encode(clips[0])
	})
}

// sunoclipsSubmit has the fields of all submits that are read.
type sunoclipsSubmit struct {
	Topic            string `json:"topic"`
	Prompt           string `json:"prompt"`
	Tags             string `json:"tags"`
	MakeInstrumental bool   `json:"make_instrumental"`
	CoverClipID      string `json:"cover_clip_id"`
	ClipID           string `json:"clip_id"`
}

// check returns what is wrong with a submit by the provider's page; the detail is empty
// if nothing is.
func (b sunoclipsSubmit) check(taskType task.Type) (problem, string) {
	switch {
	case len(b.Topic) > 500:
		return tooLong, "Topic"
	case taskType == task.Merge && b.ClipID == "":
		return badRequest, "clip_id is required"
	case taskType != task.Merge && b == (sunoclipsSubmit{}):
		return badRequest, "topic or prompt is required"
	default:
		return 0, ""
	}
}

// sunoclipsRefusals has the texts of the provider's page, and in the same manner texts that
// the page does not have.
var sunoclipsRefusals = refusals{
	unauthorized: {code: http.StatusUnauthorized, text: "Authentication required."},
	tooFrequent:  {code: http.StatusTooManyRequests, text: "Hackathon clip fetch rate limit exceeded. Please wait before fetching again."},
	overLimit:    {code: http.StatusTooManyRequests, text: "Hackathon generation rate limit exceeded. Please wait before generating another song."},
	noCredits:    {code: http.StatusPaymentRequired, text: "Insufficient credits."},
	maintenance:  {code: http.StatusServiceUnavailable, text: "Service Unavailable"},
	unknownTask:  {code: http.StatusNotFound, text: taskNotFound},
	unknownRoute: {code: http.StatusNotFound, text: "Not Found"},
	tooLong:      {code: http.StatusBadRequest, text: "%s too long. Please keep it under 500 characters."},
	badRequest:   {code: http.StatusBadRequest, text: "%s"},
}

func (f sunoclips) errorReply(why problem, detail string) reply {
	r := sunoclipsRefusals.of(why, detail)
	return reply{code: r.code, http: r.code, body: encode(map[string]string{"detail": r.text})}
}

func (sunoclips) encode(v any) reply {
	return reply{code: http.StatusOK, body: encode(v)}
}

// tell encodes one lyric, or an array of all clips of a task.
func (f sunoclips) tell(t *subject, p phase) []byte {
	if t.life.lyrics() {
		return f.encode(sunoclipsLyricOf(t, p)).body
	}
	return f.encode(sunoclipsOf(t, p)).body
}
