package outgoing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tasksync/task"
)

// message is what is sent in one attempt.
type message struct {
	id   string // "msg_" and a UUID
	body []byte
}

// answer is what became of an attempt.
type answer struct {
	delivered bool
	gone      bool          // the receiver wants this no more
	result    string        // in words, without the URL
	wait      time.Duration // from Retry-After: the receiver wants nothing for so long
}

const (
	// readMax is how much of a response is read, so that the connection can be used again.
	readMax = 64 << 10
	// maxRetryAfter bounds what a receiver may ask for.
	maxRetryAfter = 8 * time.Hour
	// maxResult bounds the text of a result.
	maxResult = 200
)

// post sends a message once.
func (n *Notifier) post(ctx context.Context, r Receiver, m message) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(m.body))
	if err != nil {
		return answer{result: reasonOf(err)}
	}
	now := time.Now() // the receiver compares it with a clock of its own
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tasksync/"+n.cfg.Version)
	req.Header.Set("Webhook-Id", m.id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", signature(n.cfg.Secrets, m.id, now, m.body))
	resp, err := n.client.Do(req)
	if err != nil {
		return answer{result: reasonOf(err)}
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, readMax) // the status is all that counts
	return judge(resp, now)
}

// judge reads a response.
func judge(resp *http.Response, now time.Time) answer {
	a := answer{result: "HTTP " + strconv.Itoa(resp.StatusCode)}
	switch s := resp.StatusCode; {
	case s >= 200 && s < 300:
		a.delivered = true
	case s >= 300 && s < 400:
		a.result += ", a redirect, which is not followed"
	case s == http.StatusGone:
		a.gone = true
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable:
		a.wait = retryAfter(resp.Header.Get("Retry-After"), now)
	}
	return a
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(0, time.Duration(min(seconds, int(maxRetryAfter/time.Second)))*time.Second), maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// reasonOf says why there was no answer. net/http's own error has the URL in it.
func reasonOf(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return "no answer within " + sendTimeout.String()
		}
		err = u.Err
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name of the host does not resolve"
	}
	if errors.Is(err, errRefusedAddress) {
		return errRefusedAddress.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok { // its text has addresses, with another port each time
		return op.Op + ": " + reasonOf(op.Err)
	}
	text := task.Redact(err.Error())
	return strings.ToValidUTF8(text[:min(len(text), maxResult)], "")
}
