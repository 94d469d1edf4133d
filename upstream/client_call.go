package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime/debug"
	"time"

	"tasksync/internal/queue"
	"tasksync/task"
)

// call is one call to the provider.
type call struct {
	method, target string
	body           []byte // JSON; nil: none
	read           Reader
}

// do takes a call through all stations.
func (c *Client) do(ctx context.Context, k call) error {
	q := questionOf(k)
	if f := c.unsent(q); f != nil {
		return f
	}
	var try attempt
	queued := time.Now()
	s, err := c.gate.enter(ctx, func() (err error) { // the wait may have been long
		try, err = c.admit(q)
		return err
	})
	c.metrics.rateWait.Observe(time.Since(queued).Seconds())
	if err != nil {
		return err
	}
	defer c.gate.leave(s)
	sent := time.Now()
	callCtx, span := c.traceCall(ctx, k, sent.Sub(queued))
	end := c.exchange(callCtx, s, k)
	traceEnd(span, end)
	c.breaker.end(time.Now(), try, end)
	c.metrics.observe(end.label, time.Since(sent))
	if end.label != labelCanceled {
		c.gate.took(min(time.Since(sent), c.fairTime()))
	}
	c.settle(sent, end.err)
	return end.err
}

// unsent is the failure of a call that must not be made; nil: the call may queue.
func (c *Client) unsent(q question) *task.Failure {
	now := time.Now()
	if f := c.pause.unsent(now); f != nil {
		return f
	}
	return c.breaker.unsent(now, q)
}

// admit decides whether a call that could have its slot goes out.
func (c *Client) admit(q question) (attempt, error) {
	now := time.Now()
	if f := c.pause.unsent(now); f != nil {
		return attempt{}, f
	}
	try, f := c.breaker.begin(now, q)
	if f != nil {
		return attempt{}, f
	}
	return try, nil
}

// failureOf is the failure in an error; nil if there is none.
func failureOf(err error) *task.Failure {
	f, _ := errors.AsType[*task.Failure](err)
	return f
}

// callEnd is how a call ended.
type callEnd struct {
	label  string // of the metrics
	health health // what the end says about the provider
	err    error
}

// exchange sends the call and has its answer read.
func (c *Client) exchange(ctx context.Context, s *queue.Slot, k call) callEnd {
	callCtx, cancel := c.callContext(ctx)
	defer cancel()
	callCtx = httptrace.WithClientTrace(callCtx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { c.gate.sent(s, time.Now()) },
	})
	req, err := c.newRequest(callCtx, k)
	if err != nil {
		return callEnd{labelOther, healthUnknown, err}
	}
	began := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return c.noAnswer(ctx, began, err)
	}
	defer resp.Body.Close()
	traceStatus(ctx, resp.StatusCode)
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return c.halfAnswer(ctx, began, resp, len(data), err)
	}
	keepAnswer(ctx, k, task.Answer{Code: resp.StatusCode, Body: data, SentAt: began, Took: time.Since(began)})
	body, f := c.parse(resp, data)
	if f != nil {
		return callEnd{failureLabel(resp.StatusCode, f), unreadableHealth(resp.StatusCode, f), f}
	}
	return c.judge(resp, Answer{resp.StatusCode, body.document(), retryAfter(resp.Header, time.Now()), body}, k.read)
}

// keepAnswer passes an answer on to whoever wants it for operators. The body is a copy:
// what follows may reuse it.
func keepAnswer(ctx context.Context, k call, a task.Answer) {
	keep := task.AnswerKeeper(ctx)
	if keep == nil {
		return
	}
	a.Asked, a.Body = k.target+" "+string(k.body), bytes.Clone(a.Body)
	if plain, err := url.QueryUnescape(k.target); err == nil {
		a.Asked += " " + plain
	}
	keep(a)
}

// overrun is how long a call may go on after its caller's deadline.
const overrun = 3 * time.Second

// callContext is the context of an exchange. A call that was sent is paid for, so
// the client waits for its answer a little beyond the caller's deadline. A caller
// that cancels ends the call at once.
//
// Two things must stay true. A call never outlives the function that made it, so
// that no goroutine is left behind. And the caller's own work after its deadline
// begins up to overrun later, which the deadlines around it must allow for. Once the
// deadline has passed, ctx reports no cancellation any more, so a stop of the daemon
// then waits for the rest of overrun.
func (c *Client) callContext(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := c.timeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)+overrun)
	}
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return callCtx, func() { stop(); cancel() }
}

// fairTime is the time that a call must have had to count as too slow when its
// caller's deadline cut it short. It also bounds how long a call is expected to
// take: otherwise a few calls that hang would keep all others from being made.
func (c *Client) fairTime() time.Duration { return c.timeout / 3 }

// judge combines what the reader and the HTTP status say.
func (c *Client) judge(resp *http.Response, ans Answer, read Reader) callEnd {
	code, f := c.readSafely(ans, read)
	if byStatus := statusFailure(ans.Status); byStatus != nil && outranks(byStatus, f) {
		byStatus.Message = c.describe(resp, ans.Body)
		f = byStatus
	}
	if f == nil {
		return callEnd{codeLabel(code, ans.Status), healthUp, nil}
	}
	out := *f // the reader may return the same failure many times
	out.Message = c.Redact(out.Message)
	out.RetryAfter = max(out.RetryAfter, ans.RetryAfter)
	label := codeLabel(code, ans.Status)
	if out.Reason == ReasonBadBody {
		label = ReasonBadBody
	}
	return callEnd{label, answerHealth(ans.Status, &out), &out}
}

// outranks reports whether the HTTP status counts for more than the reader's
// failure: when there is none, when the reader could not read the answer, and when
// the status refuses the account.
func outranks(byStatus, read *task.Failure) bool {
	if read == nil || read.Reason == ReasonBadBody {
		return true
	}
	return byStatus.Verdict == task.Account && read.Verdict != task.Account && read.Verdict != task.Permanent
}

// readSafely calls read, and turns a panic of it into a failure.
func (c *Client) readSafely(ans Answer, read Reader) (code int, f *task.Failure) {
	defer func() {
		if p := recover(); p != nil {
			c.pause.logger.Error("[TaskSync] Panic while reading a provider's response",
				"provider", c.pause.provider, "panic", c.Redact(fmt.Sprint(p)), "stack", string(debug.Stack()))
			code, f = 0, BadBody("the response could not be read (panic)")
		}
	}()
	return read(ans)
}

// settle tells pause and gate what the end of a call sent at that time means.
func (c *Client) settle(sent time.Time, err error) {
	f := failureOf(err)
	switch {
	case err == nil:
		c.pause.accepted(sent)
	case f == nil: // the caller went away: the end says nothing
	case f.Verdict == task.Account:
		f.RetryAfter = c.pause.trip(time.Now(), f)
	case f.Reason == ReasonRateLimited:
		f.RetryAfter = max(f.RetryAfter, time.Second)
		c.gate.tell(time.Now().Add(f.RetryAfter))
	case f.Verdict == task.UnknownTask || f.Verdict == task.TaskDead || f.Verdict == task.Permanent: // an answer to an accepted key
		c.pause.accepted(sent)
	}
}

// noAnswer is the end of a call that began at began and brought no answer. A call
// that the caller's deadline cut short says nothing, unless it had its fair time.
func (c *Client) noAnswer(ctx context.Context, began time.Time, err error) callEnd {
	timed, _ := errors.AsType[net.Error](err)
	timeout := timed != nil && timed.Timeout()
	given := time.Since(began)
	if gone := ctx.Err(); errors.Is(gone, context.Canceled) || (gone != nil && timeout && given < c.fairTime()) {
		return callEnd{labelCanceled, healthUnknown, fmt.Errorf("call the provider: %w", gone)}
	}
	if timeout {
		within := c.timeout
		if ctx.Err() != nil { // the caller's deadline was earlier
			within = min(within, given.Round(time.Millisecond))
		}
		return callEnd{ReasonTimeout, healthDown, Transient(ReasonTimeout, "no answer within "+within.String())}
	}
	return callEnd{ReasonNetwork, healthDown, Transient(ReasonNetwork, c.Redact(networkText(err)))}
}

// halfAnswer is the end of a call whose answer broke off.
func (c *Client) halfAnswer(ctx context.Context, began time.Time, resp *http.Response, got int, err error) callEnd {
	end := c.noAnswer(ctx, began, err)
	f, ok := errors.AsType[*task.Failure](end.err)
	if !ok {
		return end
	}
	f.Message = fmt.Sprintf("HTTP %d, the answer broke off after %d bytes: %s", resp.StatusCode, got, f.Message)
	if f.Reason == ReasonNetwork {
		f.Reason = ReasonBadBody
	}
	end.label = f.Reason
	return end
}

// parse reads the body of an answer. It fails if no reader can read it: if it is too
// large, or is not JSON.
func (c *Client) parse(resp *http.Response, data []byte) (Value, *task.Failure) {
	if int64(len(data)) > c.maxBody {
		return Value{}, Transient(ReasonTooLarge, fmt.Sprintf("HTTP %d, the answer is larger than the limit of %d bytes", resp.StatusCode, c.maxBody))
	}
	if body, ok := Parse(trimBOM(data)); ok {
		return body, nil
	}
	f := statusFailure(resp.StatusCode)
	if f == nil {
		f = BadBody("")
	}
	f.RetryAfter = retryAfter(resp.Header, time.Now())
	f.Message = c.describe(resp, data)
	if resp.StatusCode/100 == 3 {
		f.Message = c.Redact(fmt.Sprintf("HTTP %d, a redirect to %s is not followed; check the API URL",
			resp.StatusCode, redirectHost(resp)))
	}
	return Value{}, f
}

func redirectHost(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return u.Scheme + "://" + u.Host
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
