package sunoapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The headers of a signed callback, by kie's documentation.
const (
	timestampHeader = "X-Webhook-Timestamp" // unix seconds
	signatureHeader = "X-Webhook-Signature" // base64
)

// signatureAge is how far a callback's time may be from ours, before or after.
// kie's documentation names no such limit; this one is usual.
const signatureAge = 300 * time.Second

// ErrSignature is wrapped by every error of [VerifyCallback]. It means that the
// callback is not proven to be kie's.
var ErrSignature = errors.New("callback signature")

// VerifyCallback checks that kie sent a callback for the task taskID, not long before
// or after now. The scheme is documented by kie, for accounts that have turned it on;
// sunoapi.org documents none.
//
// The signature covers the task id and the time, not the body: an attacker who has
// seen one callback can send another body with its headers for the next five
// minutes. So the signature vouches for nothing in the body but taskID. Where a body
// names several tasks, each must be verified on its own, and a task that does not
// pass must be left alone.
//
// The error wraps [ErrSignature] and says which check failed. It shows nothing of
// the secret, of the headers or of the expected signature.
func VerifyCallback(secret string, header http.Header, taskID string, now time.Time) error {
	switch {
	case secret == "": // anyone could sign with it
		return fmt.Errorf("%w: there is no secret to verify it with", ErrSignature)
	case taskID == "":
		return fmt.Errorf("%w: the callback names no task", ErrSignature)
	}
	timestamp, err := soleHeader(header, timestampHeader)
	if err != nil {
		return err
	}
	encoded, err := soleHeader(header, signatureHeader)
	if err != nil {
		return err
	}
	if err := checkTimestamp(timestamp, now); err != nil {
		return err
	}
	mac, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(mac) != sha256.Size {
		return fmt.Errorf("%w: %s is not the base64 of a SHA-256", ErrSignature, signatureHeader)
	}
	if !hmac.Equal(mac, callbackMAC(secret, taskID, timestamp)) {
		return fmt.Errorf("%w: %s does not match the task id and the time", ErrSignature, signatureHeader)
	}
	return nil
}

// callbackMAC is kie's signature of a callback. A timestamp has only digits, so the
// last dot is always the separator.
func callbackMAC(secret, taskID, timestamp string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(taskID + "." + timestamp))
	return h.Sum(nil)
}

// soleHeader is the value of a header that must come once: of two values, a proxy
// might use one and tasksync the other.
func soleHeader(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch {
	case len(values) > 1:
		return "", fmt.Errorf("%w: %s comes %d times", ErrSignature, name, len(values))
	case len(values) == 0 || values[0] == "":
		return "", fmt.Errorf("%w: %s is missing", ErrSignature, name)
	}
	return values[0], nil
}

// checkTimestamp accepts only digits. 40 bits of seconds last for 36,000 years, and
// cannot hold today's time in milliseconds.
func checkTimestamp(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if err != nil {
		return fmt.Errorf("%w: %s is not in unix seconds", ErrSignature, timestampHeader)
	}
	age := now.Sub(time.Unix(int64(seconds), 0))
	switch {
	case age > signatureAge:
		return fmt.Errorf("%w: %s is %s old, more than %s", ErrSignature, timestampHeader, age.Round(time.Second), signatureAge)
	case age < -signatureAge:
		return fmt.Errorf("%w: %s is %s ahead, more than %s; is the clock right?", ErrSignature, timestampHeader, -age.Round(time.Second), signatureAge)
	}
	return nil
}
