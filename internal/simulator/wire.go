package simulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"tasksync/task"
)

// wire is a wire format: which requests there are, and how a phase of a life and an
// error are written. Everything else is the same for all formats.
type wire interface {
	name() string
	routes() []route
	// fit takes away from a life what the format's tasks do not have, before the life
	// begins, so that [Record.Expected] is what can be known from the format's answers.
	fit(l *life)
	// tell encodes what the provider knows of a task in that phase of its life.
	tell(t *subject, p phase) []byte
	// errorReply is the answer to a request that is not served; detail is for
	// badRequest and tooLong.
	errorReply(why problem, detail string) reply
}

// route is a request of a wire format: a pattern of http.ServeMux, and the function
// that answers the request.
type route struct {
	pattern string
	handle  handler
}

type handler func(*Simulator, *http.Request) reply

// problem is the reason why a request is not served, in no provider's words.
type problem uint8

const (
	unauthorized problem = iota
	tooFrequent
	overLimit // the second way in which a provider limits
	noCredits
	maintenance
	unknownTask
	unknownRoute
	badRequest
	tooLong
)

// refusals are a provider's words for each problem.
type refusals map[problem]refusal

// refusal has the provider's code or the HTTP status, the provider's name for the
// problem where it has one, and a text, in which %s stands for the detail.
type refusal struct {
	code int
	name string
	text string
}

func (all refusals) of(why problem, detail string) refusal {
	r, ok := all[why]
	if !ok {
		panic(fmt.Sprintf("simulator: problem %d", why))
	}
	r.text = strings.Replace(r.text, "%s", detail, 1)
	return r
}

// taskNotFound is the text for unknownTask.
const taskNotFound = "task not found"

// serve mounts a wire format.
func (s *Simulator) serve(f wire) {
	s.formats[f.name()] = f
	for _, rt := range f.routes() {
		s.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			rep := s.answer(f, rt, r)
			code, send := s.prepare(r, f, rep)
			s.tally.add(rt.pattern, code, rep.fault)
			send(w)
			s.cfg.Logger.LogAttrs(r.Context(), slog.LevelDebug, "[Simulator] request answered",
				slog.String("route", rt.pattern), slog.Int("code", code), slog.String("fault", string(rep.fault)))
		})
	}
}

// answer checks the key and the rate limit, and calls the route.
func (s *Simulator) answer(f wire, rt route, r *http.Request) reply {
	outage := *s.outage.Load()
	if outage.swallows() {
		return reply{fault: outage}
	}
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if s.cfg.APIKey != "" && key != s.cfg.APIKey {
		return f.errorReply(unauthorized, "")
	}
	if !s.limit.allow(key, s.cfg.Now()) {
		return f.errorReply(tooFrequent, "")
	}
	rep := rt.handle(s, r)
	if outage != NoFault {
		rep.fault = outage
	}
	return rep
}

// status answers a request for one task; known reports whether the endpoint knows a
// task.
func (s *Simulator) status(f wire, taskID string, known func(*life) bool) reply {
	told, fault := s.statuses(f, []string{taskID}, known)
	switch {
	case fault.swallows():
		return reply{fault: fault}
	case len(told) == 0:
		rep := f.errorReply(unknownTask, "")
		rep.fault = fault
		return rep
	default:
		return reply{code: http.StatusOK, body: told[0], fault: fault}
	}
}

// statuses answers a request for several tasks: told has each task once, in the order
// of the ids. Tasks that are not known are left out. The fault concerns the whole
// answer: it is the first one scripted for any of the tasks, or the one drawn for the
// first task; under a fault that swallows the answer, told is empty.
func (s *Simulator) statuses(f wire, ids []string, known func(*life) bool) (told []json.RawMessage, fault Fault) {
	now := s.cfg.Now()
	told = []json.RawMessage{}
	var asked []*subject
	for _, id := range ids {
		t, ok := s.subject(id)
		if ok && known(t.life) && !slices.Contains(asked, t) {
			asked = append(asked, t)
		}
	}
	fault = s.askAll(asked, now)
	if fault.swallows() {
		return told, fault
	}
	for _, t := range asked {
		if t.life.lost {
			continue
		}
		if fault == NoFault || fault == Slow {
			t.noteTold(now)
		}
		told = append(told, t.tell(f, now))
	}
	return told, fault
}

// askAll counts one status request for each of several tasks and returns the fault of
// the request.
func (s *Simulator) askAll(asked []*subject, now time.Time) (fault Fault) {
	for i, t := range asked {
		k := t.asked.Add(1) - 1
		t.askedAt.first(now)
		if _, scripted := t.script(k); fault == NoFault && (i == 0 || scripted) {
			fault = s.faultOf(t, k)
			if fault != NoFault {
				t.serve(fault)
			}
		}
	}
	return fault
}

// maxBody bounds the body of a submit, and so what a task keeps of it.
const maxBody = 64 << 10

var errTooLong = errors.New("body too long")

// submitting answers a submit whose body has the fields F. A body that cannot be read is
// refused, for the length of the field long if the body is too long; accept answers the
// others.
func submitting[F any](f wire, taskType task.Type, long string, accept func(*Simulator, order, F) reply) handler {
	return func(s *Simulator, r *http.Request) reply {
		var fields F
		o, err := readOrder(r, taskType, &fields)
		switch {
		case errors.Is(err, errTooLong):
			return f.errorReply(tooLong, long)
		case err != nil:
			return f.errorReply(badRequest, err.Error())
		default:
			return accept(s, o, fields)
		}
	}
}

// readOrder reads the body of a submit into an order and into fields, the
// format's own view of it. The fate and the faults are scripted by the headers
// X-Simulate and X-Simulate-Faults, or by the fields simulate and
// simulateFaults; in both places faults are separated by commas, and * at their
// end repeats the last one for good.
func readOrder(r *http.Request, taskType task.Type, fields any) (order, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return order{}, fmt.Errorf("read: %w", err)
	}
	if len(body) > maxBody {
		return order{}, errTooLong
	}
	script := struct{ Simulate, SimulateFaults string }{}
	if err := errors.Join(json.Unmarshal(body, &script), json.Unmarshal(body, fields)); err != nil {
		return order{}, errors.New("body is not the JSON object that is expected")
	}
	var param bytes.Buffer
	_ = json.Compact(&param, body) // valid: it was just read
	o := order{taskType: taskType, param: param.String()}
	o.fate, err = ParseFate(cmp.Or(r.Header.Get("X-Simulate"), script.Simulate))
	if err != nil {
		return order{}, err
	}
	o.faults, err = parseFaults(cmp.Or(r.Header.Get("X-Simulate-Faults"), script.SimulateFaults))
	return o, err
}

func parseFaults(list string) (faults []Fault, err error) {
	if list == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		f, err := ParseFault(name)
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// encode returns v as JSON.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: encode: %v", err)) // a record of ours, or what a Format returns
	}
	return body
}
