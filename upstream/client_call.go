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
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"tasksync/task"
)

// call takes one request through all stations.
func (c *Client) call(ctx context.Context, method, target string, body []byte, read Reader) error {
	if f := c.pause.refusal(time.Now()); f != nil {
		return f
	}
	if c.breaker.open() {
		return c.breaker.refusal(time.Now())
	}
	queued := time.Now()
	s, err := c.gate.enter(ctx)
	c.metrics.rateWait.Observe(time.Since(queued).Seconds())
	if err != nil {
		return err
	}
	defer c.gate.leave(s)
	if f := c.pause.refusal(time.Now()); f != nil { // it may have been waiting for long
		return f
	}
	done, err := c.breaker.allow(time.Now())
	if err != nil {
		return err
	}
	sent := time.Now()
	code, err := c.exchange(ctx, s, method, target, body, read)
	done(err)
	c.metrics.observe(code, time.Since(sent))
	c.settle(sent, err)
	return err
}

// exchange sends the request and has the answer read. Next to the error, it
// returns the label under which the call is counted.
func (c *Client) exchange(
	ctx context.Context, s *slot, method, target string, body []byte, read Reader,
) (string, error) {
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	callCtx = httptrace.WithClientTrace(callCtx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { c.gate.sent(s, time.Now()) },
	})
	req, err := c.newRequest(callCtx, method, target, body)
	if err != nil {
		return labelOther, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	if err != nil {
		return c.halfAnswer(ctx, resp, len(data), err)
	}
	if f := c.wrongKind(resp, data); f != nil {
		return failureLabel(resp.StatusCode, f), f
	}
	return c.judge(Answer{resp.StatusCode, trimBOM(data), retryAfter(resp.Header, time.Now())}, read)
}

// judge combines what the reader and the HTTP status say.
func (c *Client) judge(ans Answer, read Reader) (string, error) {
	code, f := c.safely(ans, read)
	if byStatus := statusFailure(ans.Status); byStatus != nil && outranks(byStatus, f) {
		byStatus.Message = c.describe(ans.Status, "", ans.Body)
		f = byStatus
	}
	if f == nil {
		return codeLabel(code, ans.Status), nil
	}
	out := *f // the reader may hand out one failure many times
	out.Message = c.Redact(out.Message)
	out.RetryAfter = max(out.RetryAfter, ans.RetryAfter)
	if out.Reason == ReasonBadBody {
		return ReasonBadBody, &out
	}
	return codeLabel(code, ans.Status), &out
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
	case f.Verdict == task.UnknownTask || f.Verdict == task.Permanent: // an answer to an accepted key
		c.pause.accepted(sent)
	}
}

// noAnswer is what a call means that brought no response.
func (c *Client) noAnswer(ctx context.Context, err error) (string, error) {
	if ctx.Err() != nil {
		return labelCanceled, fmt.Errorf("call the upstream: %w", ctx.Err())
	}
	if named, ok := errors.AsType[*url.Error](err); ok {
		err = named.Err // without the URL, which holds ids
	}
	if timed, ok := errors.AsType[net.Error](err); ok && timed.Timeout() {
		return ReasonTimeout, transient(ReasonTimeout, "no answer within "+c.timeout.String())
	}
	return ReasonNetwork, transient(ReasonNetwork, c.Redact(err.Error()))
}

// halfAnswer is what a call means whose response broke off.
func (c *Client) halfAnswer(ctx context.Context, resp *http.Response, got int, err error) (string, error) {
	label, err := c.noAnswer(ctx, err)
	f, ok := errors.AsType[*task.Failure](err)
	if !ok {
		return label, err
	}
	f.Message = fmt.Sprintf("HTTP %d, the answer broke off after %d bytes: %s", resp.StatusCode, got, f.Message)
	if f.Reason == ReasonNetwork {
		f.Reason = ReasonBadBody
	}
	return f.Reason, f
}

// wrongKind is the failure of an answer that no reader could make sense of.
func (c *Client) wrongKind(resp *http.Response, data []byte) *task.Failure {
	if int64(len(data)) > c.maxBody {
		return transient(ReasonTooLarge, fmt.Sprintf("HTTP %d, the answer is larger than the limit of %d bytes", resp.StatusCode, c.maxBody))
	}
	if json.Valid(trimBOM(data)) {
		return nil
	}
	f := statusFailure(resp.StatusCode)
	if f == nil {
		f = BadBody("")
	}
	f.RetryAfter = retryAfter(resp.Header, time.Now())
	f.Message = c.describe(resp.StatusCode, resp.Header.Get("Content-Type"), data)
	if resp.StatusCode/100 == 3 {
		f.Message = c.Redact(fmt.Sprintf("HTTP %d, a redirect to %s is not followed; check the API URL",
			resp.StatusCode, redirectHost(resp)))
	}
	return f
}

// describe says what came, with the first bytes of it.
func (c *Client) describe(status int, contentType string, data []byte) string {
	const shown, looked = 80, 8 << 10 // a key at the cut must be seen whole to be cut out
	text := "HTTP " + strconv.Itoa(status)
	if contentType != "" {
		text += ", " + contentType
	}
	if len(data) == 0 {
		return c.Redact(text + ", empty")
	}
	first := c.Redact(string(data[:min(len(data), looked)]))
	first = strings.ToValidUTF8(first[:min(len(first), shown)], "")
	return fmt.Sprintf("%s, begins with %q", c.Redact(text), first)
}

func redirectHost(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return u.Scheme + "://" + u.Host
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
