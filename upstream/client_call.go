package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime/debug"
	"time"

	"tasksync/task"
)

// call takes one request through all stations.
func (c *Client) call(ctx context.Context, method, target string, body []byte, read Reader) error {
	asked := questionOf(method, target, body)
	if f := c.refusal(asked); f != nil {
		return f
	}
	var try attempt
	queued := time.Now()
	s, err := c.gate.enter(ctx, func() (err error) { // it may have been waiting for long
		try, err = c.admit(asked)
		return err
	})
	c.metrics.rateWait.Observe(time.Since(queued).Seconds())
	if err != nil {
		return err
	}
	defer c.gate.leave(s)
	sent := time.Now()
	end := c.exchange(ctx, s, method, target, body, read)
	c.breaker.end(time.Now(), try, end.health)
	c.metrics.observe(end.label, time.Since(sent))
	if end.label != labelCanceled {
		c.gate.took(min(time.Since(sent), c.fairTime()))
	}
	c.settle(sent, end.err)
	return end.err
}

// refusal is the failure of a call that is not to be made; nil: it may queue.
func (c *Client) refusal(asked question) *task.Failure {
	now := time.Now()
	if f := c.pause.refusal(now); f != nil {
		return f
	}
	return c.breaker.refusal(now, asked)
}

// admit decides whether a call goes out whose slot is there.
func (c *Client) admit(asked question) (attempt, error) {
	now := time.Now()
	if f := c.pause.refusal(now); f != nil {
		return attempt{}, f
	}
	try, f := c.breaker.begin(now, asked)
	if f != nil {
		return attempt{}, f
	}
	return try, nil
}

// ending is how a call ended.
type ending struct {
	label  string // under which it is counted
	health health // what it says about the provider
	err    error
}

// exchange sends the request and has the answer read.
func (c *Client) exchange(ctx context.Context, s *slot, method, target string, body []byte, read Reader) ending {
	callCtx, cancel := c.span(ctx)
	defer cancel()
	callCtx = httptrace.WithClientTrace(callCtx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { c.gate.sent(s, time.Now()) },
	})
	req, err := c.newRequest(callCtx, method, target, body)
	if err != nil {
		return ending{labelOther, healthUnknown, err}
	}
	began := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return c.noAnswer(ctx, began, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return c.halfAnswer(ctx, began, resp, len(data), err)
	}
	if f := c.wrongKind(resp, data); f != nil {
		return ending{failureLabel(resp.StatusCode, f), unreadableHealth(resp.StatusCode, f), f}
	}
	ans := Answer{resp.StatusCode, trimBOM(data), retryAfter(resp.Header, time.Now())}
	return c.judge(resp, ans, read)
}

// overrun is how long a call may go on that is under way when its caller's
// deadline passes.
const overrun = 3 * time.Second

// span is the context of an exchange. A request that was sent is paid for, so
// that its answer is waited for a little beyond the caller's deadline; a caller
// that cancels ends it at once.
//
// What must stay true therefor: a call never outlives the function that made it,
// so that no goroutine is left behind; and the caller's own work after its deadline
// begins up to overrun later, which the deadlines around it must bear. Once the
// deadline has passed, ctx can tell of no cancellation any more: a stop of the
// daemon then waits for the rest of overrun.
func (c *Client) span(ctx context.Context) (context.Context, context.CancelFunc) {
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

// fairTime is what a call must have had to be called too slow when its caller's
// deadline cut it short, and the longest that one is expected to take: else a few
// calls that hang would keep all others from being made.
func (c *Client) fairTime() time.Duration { return c.timeout / 3 }

// judge combines what the reader and the HTTP status say.
func (c *Client) judge(resp *http.Response, ans Answer, read Reader) ending {
	code, f := c.safely(ans, read)
	if byStatus := statusFailure(ans.Status); byStatus != nil && outranks(byStatus, f) {
		byStatus.Message = c.describe(resp, ans.Body)
		f = byStatus
	}
	if f == nil {
		return ending{codeLabel(code, ans.Status), healthUp, nil}
	}
	out := *f // the reader may hand out one failure many times
	out.Message = c.Redact(out.Message)
	out.RetryAfter = max(out.RetryAfter, ans.RetryAfter)
	label := codeLabel(code, ans.Status)
	if out.Reason == ReasonBadBody {
		label = ReasonBadBody
	}
	return ending{label, answerHealth(ans.Status, &out), &out}
}

// outranks reports whether what the HTTP status says counts for more than what
// the reader said: when that was nothing, when it could not read the answer, and
// when the key was refused.
func outranks(byStatus, read *task.Failure) bool {
	if read == nil || read.Reason == ReasonBadBody {
		return true
	}
	return byStatus.Verdict == task.Account && read.Verdict != task.Account && read.Verdict != task.Permanent
}

// safely keeps a reader's panic from ending the process.
func (c *Client) safely(ans Answer, read Reader) (code int, f *task.Failure) {
	defer func() {
		if p := recover(); p != nil {
			c.pause.logger.Error("[TaskSync] Panic while reading an upstream answer",
				"provider", c.pause.provider, "panic", c.Redact(fmt.Sprint(p)), "stack", string(debug.Stack()))
			code, f = 0, BadBody("the answer could not be read (panic)")
		}
	}()
	return read(ans)
}

// settle draws the consequences of a call that began at sent.
func (c *Client) settle(sent time.Time, err error) {
	f, _ := errors.AsType[*task.Failure](err)
	switch {
	case err == nil:
		c.pause.accepted(sent)
	case f == nil: // the caller went away: nothing was learnt
	case f.Verdict == task.Account:
		f.RetryAfter = c.pause.trip(time.Now(), f)
	case f.Reason == ReasonRateLimited:
		f.RetryAfter = max(f.RetryAfter, time.Second)
		c.gate.close(time.Now().Add(f.RetryAfter))
	case f.Verdict == task.UnknownTask || f.Verdict == task.TaskDead || f.Verdict == task.Permanent: // an answer to an accepted key
		c.pause.accepted(sent)
	}
}

// noAnswer is what a call means that began then and brought no response. One that
// the caller's deadline cut short says nothing, unless it had its fair time.
func (c *Client) noAnswer(ctx context.Context, began time.Time, err error) ending {
	timed, _ := errors.AsType[net.Error](err)
	late := timed != nil && timed.Timeout()
	given := time.Since(began)
	if gone := ctx.Err(); errors.Is(gone, context.Canceled) || (gone != nil && late && given < c.fairTime()) {
		return ending{labelCanceled, healthUnknown, fmt.Errorf("call the upstream: %w", gone)}
	}
	if late {
		within := c.timeout
		if ctx.Err() != nil { // the caller's deadline was earlier
			within = min(within, given.Round(time.Millisecond))
		}
		return ending{ReasonTimeout, healthDown, Transient(ReasonTimeout, "no answer within "+within.String())}
	}
	return ending{ReasonNetwork, healthDown, Transient(ReasonNetwork, c.Redact(networkText(err)))}
}

// halfAnswer is what a call means whose response broke off.
func (c *Client) halfAnswer(ctx context.Context, began time.Time, resp *http.Response, got int, err error) ending {
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

// wrongKind is the failure of an answer that no reader could make sense of.
func (c *Client) wrongKind(resp *http.Response, data []byte) *task.Failure {
	if int64(len(data)) > c.maxBody {
		return Transient(ReasonTooLarge, fmt.Sprintf("HTTP %d, the answer is larger than the limit of %d bytes", resp.StatusCode, c.maxBody))
	}
	if json.Valid(trimBOM(data)) {
		return nil
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
	return f
}

func redirectHost(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return u.Scheme + "://" + u.Host
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
