package simulator

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Fault is what goes wrong between the simulator and its client, by name,
// whatever the task's fate. The set is closed: see [Faults].
type Fault string

// The faults; the table of faults says what the client sees of each.
const (
	NoFault     Fault = ""
	HTTP500     Fault = "http_500"
	HTTP502     Fault = "http_502"
	HTTP503     Fault = "http_503"
	HTTP429     Fault = "http_429"
	Maintenance Fault = "maintenance"
	TooFrequent Fault = "too_frequent"
	OverLimit   Fault = "over_limit"
	NoCredits   Fault = "no_credits"
	BadKey      Fault = "bad_key"
	Slow        Fault = "slow"
	Cut         Fault = "cut"
	Malformed   Fault = "malformed"
	Empty       Fault = "empty"
	HTML        Fault = "html"
	Hang        Fault = "hang"
	CreditsText Fault = "credits_text"
)

// Always stands after the last fault of a task and repeats it: every later request that
// asks for the task, alone or among others, meets that fault. The task is poison.
const Always Fault = "*"

// creditsText is a text that sounds as if the account had no credits, although only one
// task has failed.
const creditsText = "insufficient credits"

// faultEntry is one row of the table of faults.
type faultEntry struct {
	fault Fault
	about string
	// tells: the client gets the answer, or a part of it. The other faults are
	// served without asking the task.
	tells bool
}

var faults = []faultEntry{
	{HTTP500, "HTTP 500 with an HTML page", false},
	{HTTP502, "HTTP 502 with an HTML page", false},
	{HTTP503, "HTTP 503 with an HTML page", false},
	{HTTP429, "HTTP 429 with Retry-After", false},
	{Maintenance, "the provider says that it is under maintenance", false},
	{TooFrequent, "the provider says that calls are too frequent", false},
	{OverLimit, "the provider's second way to say so, where it has one", false},
	{NoCredits, "the provider says that there are no credits", false},
	{BadKey, "the provider refuses the key", false},
	{Slow, "the right answer, late", true},
	{Cut, "half of the right answer, then the connection ends", true},
	{Malformed, "half of the right answer as if it were all", true},
	{Empty, "HTTP 200 without a body", false},
	{HTML, "HTTP 200 with an HTML page", false},
	{Hang, "no answer until the client gives up", false},
	{CreditsText, "a bad request, whose text sounds as if the account had no credits", false},
}

// Faults returns all faults in the order of the documentation.
func Faults() []Fault {
	names := make([]Fault, len(faults))
	for i, e := range faults {
		names[i] = e.fault
	}
	return names
}

// ParseFault returns the fault of that name, in any case and with - for _. The
// names "" and "none" are [NoFault], and "*" is [Always].
func ParseFault(name string) (Fault, error) {
	f := Fault(canonical(name))
	if f == NoFault || f == "none" {
		return NoFault, nil
	}
	if _, ok := f.entry(); !ok && f != Always {
		return "", fmt.Errorf("unknown fault %q", name)
	}
	return f, nil
}

func (f Fault) entry() (faultEntry, bool) {
	for _, e := range faults {
		if e.fault == f {
			return e, true
		}
	}
	return faultEntry{}, false
}

// swallows reports whether the client gets nothing of the right answer under f.
func (f Fault) swallows() bool {
	e, ok := f.entry()
	return ok && !e.tells
}

// FaultMix is a distribution: the weight of each fault that can be drawn.
type FaultMix map[Fault]float64

// DefaultFaultMix returns the distribution that is drawn from by default: every
// fault alike, but not [Hang], which costs the client its whole timeout, nor
// [NoCredits] and [BadKey], which make a client pause altogether, nor
// [CreditsText], which is only scripted.
func DefaultFaultMix() FaultMix {
	mix := make(FaultMix, len(faults))
	for _, e := range faults {
		mix[e.fault] = 1
	}
	delete(mix, Hang)
	delete(mix, NoCredits)
	delete(mix, BadKey)
	delete(mix, CreditsText)
	return mix
}

// reply is the answer to one request.
type reply struct {
	code  int // the provider's code, or the HTTP status where there is none
	http  int // 0: 200
	body  []byte
	fault Fault
}

// sending writes a response.
type sending func(http.ResponseWriter)

// prepare returns the function that writes the reply, under its fault if it has one,
// and waits as long as the fault does. The code is for the statistics, so that a client
// that has its answer finds it counted; 0: the client gets no whole answer.
func (s *Simulator) prepare(r *http.Request, f wire, rep reply) (code int, send sending) {
	nothing := func(http.ResponseWriter) {}
	switch rep.fault {
	case HTTP500, HTTP502, HTTP503:
		return pageStatus[rep.fault], page(pageStatus[rep.fault])
	case HTTP429:
		return http.StatusTooManyRequests, s.tooMany
	case Maintenance, TooFrequent, OverLimit, NoCredits, BadKey:
		rep = f.errorReply(faultProblems[rep.fault], "")
	case CreditsText:
		rep = f.errorReply(badRequest, creditsText)
	case Malformed:
		rep.code, rep.body = 0, rep.body[:len(rep.body)/2]
	case Empty:
		rep.body = nil
	case HTML:
		return http.StatusOK, page(http.StatusOK)
	case Cut:
		return 0, cut(rep.body)
	case Hang:
		s.hang(r)
		return 0, nothing
	case Slow:
		if !s.pause(r) {
			return 0, nothing
		}
	}
	return rep.code, rep.send
}

var pageStatus = map[Fault]int{
	HTTP500: http.StatusInternalServerError,
	HTTP502: http.StatusBadGateway,
	HTTP503: http.StatusServiceUnavailable,
}

var faultProblems = map[Fault]problem{
	Maintenance: maintenance,
	TooFrequent: tooFrequent,
	OverLimit:   overLimit,
	NoCredits:   noCredits,
	BadKey:      unauthorized,
}

func (rep reply) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(rep.body)))
	if rep.http != 0 {
		w.WriteHeader(rep.http)
	}
	_, _ = w.Write(rep.body) // the client may have left
}

// page sends an HTML page, as a proxy in front of a provider does.
func page(status int) sending {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html><head><title>%d %[2]s</title></head>\n<body><h1>%[2]s</h1></body></html>\n",
			status, http.StatusText(status))
	}
}

func (s *Simulator) tooMany(w http.ResponseWriter) {
	w.Header().Set("Retry-After", strconv.Itoa(int(s.cfg.RetryAfter/time.Second)))
	page(http.StatusTooManyRequests)(w)
}

// cut announces the whole body and sends half of it; net/http then closes the
// connection.
func cut(body []byte) sending {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
	}
}

// pause waits for the delay of a slow answer, and reports whether the client is still
// there.
func (s *Simulator) pause(r *http.Request) bool {
	select {
	case <-time.After(s.cfg.SlowDelay):
	case <-s.closed:
	case <-r.Context().Done():
		return false
	}
	return true
}

// hang waits until the client has given up, or the simulator is closed. net/http
// notices that a client has given up only after the request was read.
func (s *Simulator) hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}
