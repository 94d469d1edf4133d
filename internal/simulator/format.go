package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"

	"tasksync/task"
)

// Format is the wire format of a provider that the simulator does not have, for
// [Config.Format]. What its functions return is encoded as JSON. They are called
// concurrently.
type Format struct {
	// One is the request for one task: a pattern of [http.ServeMux] in which {id}
	// is the task's id, like "GET /tasks/{id}". Default: the provider has none.
	One string
	// Many is the request for several tasks, as such a pattern; IDs reads their ids
	// from it. Default: the provider has none. One or Many is required.
	Many string
	IDs  func(*http.Request) []string
	// Task is what the provider says of a task. Required.
	Task func(Task) any
	// Tasks is the answer to Many, around what Task returned for each task that the
	// provider knows. Default: an array.
	Tasks func([]json.RawMessage) any
	// Error is the answer to a request that is not served: status is what HTTP
	// calls the reason (400, 401, 402, 404: no such task, 429 or 503), and the
	// result is the status and the body that the provider sends. Required.
	Error func(status int, text string) (int, any)
	// Tells returns an item with only those values that the provider tells. The id
	// is one of them. Default: all.
	Tells func(Item) Item
	// ItemsAtEnd marks a provider that tells no items before the task has ended.
	ItemsAtEnd bool
}

// Task is what a provider knows of a task at a time.
type Task struct {
	ID   string
	Type task.Type
	// Status is submitted, processing, streaming (the first item is complete),
	// complete or failed. Empty: a state that no documentation of the provider
	// names.
	Status task.Status
	// Error is the text of a failure, or of one that is coming; often empty.
	Error string
	// Items are the results, and what is known of them.
	Items []Item
}

// own is a Format as the simulator serves it.
type own struct{ Format }

// ownName is the provider of a Format.
const ownName = "own"

func (own) name() string { return ownName }

func (f own) routes() (routes []route) {
	if f.One != "" {
		routes = append(routes, route{f.One, f.one})
	}
	if f.Many != "" {
		routes = append(routes, route{f.Many, f.many})
	}
	return routes
}

// fit: errors are texts, and a batch call leaves out what is unknown.
func (f own) fit(l *life) {
	l.withoutCodes()
	l.withoutDelivery()
	l.leftOut = f.Many != ""
	if f.ItemsAtEnd {
		l.withoutEarlyItems()
	}
	if f.Tells != nil {
		for i := range l.items {
			l.items[i] = f.Tells(l.items[i])
		}
	}
}

func (f own) one(s *Simulator, r *http.Request) reply { return s.status(f, r.PathValue("id"), anyLife) }

func (f own) many(s *Simulator, r *http.Request) reply {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	told, fault := s.statuses(f, f.IDs(r), anyLife)
	var answer any = told
	if f.Tasks != nil {
		answer = f.Tasks(told)
	}
	return reply{code: http.StatusOK, body: encode(answer), fault: fault}
}

func (f own) tell(t *subject, p phase) []byte {
	return encode(f.Task(Task{
		ID: t.life.id, Type: t.life.taskType, Status: statusOf(p.state), Error: p.trouble.said(), Items: t.life.told(p),
	}))
}

func statusOf(s state) task.Status {
	switch s {
	case waiting:
		return task.Submitted
	case strange:
		return ""
	case written:
		return task.Processing
	case firstDone:
		return task.Streaming
	case done, undelivered:
		return task.Complete
	default:
		return task.Failed
	}
}

func (f own) errorReply(why problem, detail string) reply {
	status, text := http.StatusBadRequest, detail
	switch why {
	case unauthorized:
		status, text = http.StatusUnauthorized, "the key is wrong"
	case tooFrequent, overLimit:
		status, text = http.StatusTooManyRequests, "too many requests"
	case noCredits:
		status, text = http.StatusPaymentRequired, "there are no credits"
	case maintenance:
		status, text = http.StatusServiceUnavailable, "under maintenance"
	case unknownTask, unknownRoute:
		status, text = http.StatusNotFound, taskNotFound
	case badRequest, tooLong:
	}
	code, body := f.Error(status, text)
	return reply{code: code, http: code, body: encode(body)}
}

// clipsOf is how many results a task of this type usually has.
func (c Config) clipsOf(t task.Type) int { return cmp.Or(c.Clips[t], clipCount(t)) }
