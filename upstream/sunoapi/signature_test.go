package sunoapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The example: its signature was not computed by this code.
const (
	signKey  = "test-webhook-hmac-key"
	signTask = "5c79aaaa0000bbbb1111cccc2222be8e"
	signTime = 1760000000
	signMAC  = "THMBuKIvYMK3CWVcfcQb5shBJ8aa6DfVVinVg76YEvQ="
)

func signedHeader(timestamp, signature string) http.Header {
	header := http.Header{}
	header.Set("X-Webhook-Timestamp", timestamp)
	header.Set("X-Webhook-Signature", signature)
	return header
}

// sign is a callback's signature, made without the code under test.
func sign(secret, taskID, timestamp string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(taskID))
	h.Write([]byte{'.'})
	h.Write([]byte(timestamp))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestVerifyCallback(t *testing.T) {
	t.Parallel()
	header := signedHeader("1760000000", signMAC)
	at := time.Unix(signTime, 0)
	require.NoError(t, VerifyCallback(signKey, header, signTask, at))
	require.NoError(t, VerifyCallback(signKey, header, signTask, at.In(time.FixedZone("far", 14*3600))))
	header["X-Suno-Signature"] = []string{"another", "two"}
	require.NoError(t, VerifyCallback(signKey, header, signTask, at), "other headers count for nothing")
	for _, taskID := range []string{"a.b", "1.1760000000", ".", "ü", strings.Repeat("x", 1000)} {
		require.NoError(t, VerifyCallback("k", signedHeader("1760000000", sign("k", taskID, "1760000000")), taskID, at), taskID)
	}
}

func TestVerifyCallbackWindow(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]string{
		0: "", time.Nanosecond: "", -time.Nanosecond: "", 300 * time.Second: "", -300 * time.Second: "",
		300*time.Second + 1:    "callback signature: X-Webhook-Timestamp is 5m0s old, more than 5m0s",
		412 * time.Second:      "callback signature: X-Webhook-Timestamp is 6m52s old, more than 5m0s",
		-300*time.Second - 1:   "callback signature: X-Webhook-Timestamp is 5m0s ahead, more than 5m0s; is the clock right?",
		-48 * time.Hour:        "callback signature: X-Webhook-Timestamp is 48h0m0s ahead, more than 5m0s; is the clock right?",
		1 << 62:                "callback signature: X-Webhook-Timestamp is 1281023h53m38s old, more than 5m0s",
		signTime * time.Second: "callback signature: X-Webhook-Timestamp is 488888h53m20s old, more than 5m0s",
	} {
		err := VerifyCallback(signKey, signedHeader("1760000000", signMAC), signTask, time.Unix(signTime, 0).Add(skew))
		if want == "" {
			require.NoError(t, err, skew)
			continue
		}
		require.ErrorIs(t, err, ErrSignature, skew)
		require.EqualError(t, err, want, skew)
	}
	require.ErrorIs(t, VerifyCallback(signKey, signedHeader("1760000000", signMAC), signTask, time.Time{}), ErrSignature)
}

func TestVerifyCallbackRefuses(t *testing.T) {
	t.Parallel()
	const (
		noTime, noMAC   = "X-Webhook-Timestamp is missing", "X-Webhook-Signature is missing"
		badTime, badMAC = "X-Webhook-Timestamp is not in unix seconds", "X-Webhook-Signature is not the base64 of a SHA-256"
		wrong           = "X-Webhook-Signature does not match the task id and the time"
	)
	raw, err := base64.StdEncoding.DecodeString(signMAC)
	require.NoError(t, err)
	twice := func(name string) http.Header {
		header := signedHeader("1760000000", signMAC)
		header.Add(name, header.Get(name))
		return header
	}
	good := signedHeader("1760000000", signMAC)
	for name, tc := range map[string]struct {
		key    string
		header http.Header
		task   string
		want   string
	}{
		"no secret":                 {"", signedHeader("1760000000", sign("", signTask, "1760000000")), signTask, "there is no secret to verify it with"},
		"no task":                   {signKey, signedHeader("1760000000", sign(signKey, "", "1760000000")), "", "the callback names no task"},
		"no headers":                {signKey, nil, signTask, noTime},
		"no time":                   {signKey, http.Header{signatureHeader: {signMAC}}, signTask, noTime},
		"no signature":              {signKey, http.Header{timestampHeader: {"1760000000"}}, signTask, noMAC},
		"empty time":                {signKey, signedHeader("", signMAC), signTask, noTime},
		"empty signature":           {signKey, signedHeader("1760000000", ""), signTask, noMAC},
		"two times":                 {signKey, twice(timestampHeader), signTask, "X-Webhook-Timestamp comes 2 times"},
		"two signatures":            {signKey, twice(signatureHeader), signTask, "X-Webhook-Signature comes 2 times"},
		"joined signatures":         {signKey, signedHeader("1760000000", signMAC+", "+signMAC), signTask, badMAC},
		"a word for a time":         {signKey, signedHeader("now", signMAC), signTask, badTime},
		"a negative time":           {signKey, signedHeader("-1760000000", signMAC), signTask, badTime},
		"a time with a plus":        {signKey, signedHeader("+1760000000", signMAC), signTask, badTime},
		"a time with a fraction":    {signKey, signedHeader("1760000000.0", signMAC), signTask, badTime},
		"a time in hexadecimal":     {signKey, signedHeader("0x68e77c00", signMAC), signTask, badTime},
		"a time in other digits":    {signKey, signedHeader("１７６００００000", signMAC), signTask, badTime},
		"a time with underscores":   {signKey, signedHeader("1_760_000_000", signMAC), signTask, badTime},
		"milliseconds":              {signKey, signedHeader("1760000000000", signMAC), signTask, badTime},
		"a huge time":               {signKey, signedHeader("9223372036854775807", signMAC), signTask, badTime},
		"a time beyond numbers":     {signKey, signedHeader(strings.Repeat("9", 100_000), signMAC), signTask, badTime},
		"not base64":                {signKey, signedHeader("1760000000", "%%%"), signTask, badMAC},
		"hexadecimal":               {signKey, signedHeader("1760000000", hex.EncodeToString(raw)), signTask, badMAC},
		"base64 without padding":    {signKey, signedHeader("1760000000", strings.TrimRight(signMAC, "=")), signTask, badMAC},
		"base64 with loose bits":    {signKey, signedHeader("1760000000", strings.TrimSuffix(signMAC, "Q=")+"R="), signTask, badMAC},
		"cut":                       {signKey, signedHeader("1760000000", base64.StdEncoding.EncodeToString(raw[:31])), signTask, badMAC},
		"longer":                    {signKey, signedHeader("1760000000", base64.StdEncoding.EncodeToString(make([]byte, 33))), signTask, badMAC},
		"another signature":         {signKey, signedHeader("1760000000", sign("x", signTask, "1760000000")), signTask, wrong},
		"another key":               {signKey + "x", good, signTask, wrong},
		"another task":              {signKey, good, signTask + "x", wrong},
		"the task in other letters": {signKey, good, strings.ToUpper(signTask), wrong},
		"another time":              {signKey, signedHeader("1760000001", signMAC), signTask, wrong},
		"the time in other digits":  {signKey, signedHeader("01760000000", signMAC), signTask, wrong},
		"the dot moved":             {signKey, signedHeader("1760000000", sign(signKey, "a", "1.1760000000")), "a.2", wrong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := VerifyCallback(tc.key, tc.header, tc.task, time.Unix(signTime, 0))
			require.ErrorIs(t, err, ErrSignature)
			require.EqualError(t, err, "callback signature: "+tc.want)
		})
	}
}

func FuzzVerifyCallback(f *testing.F) {
	f.Add(signKey, signTask, "1760000000", signMAC, int64(signTime))
	f.Add(signKey, signTask, "1760000000", signMAC, int64(signTime+301))
	f.Add(signKey, signTask, "-1", "", int64(-1<<63))
	f.Add("", "", "9223372036854775807", "====", int64(1<<63-1))
	f.Fuzz(func(t *testing.T, secret, taskID, timestamp, signature string, unix int64) {
		now := time.Unix(unix, 0)
		err := VerifyCallback(secret, signedHeader(timestamp, signature), taskID, now)
		expected := sign(secret, taskID, timestamp)
		if err == nil {
			require.NotEmpty(t, secret)
			require.Equal(t, expected, strings.NewReplacer("\r", "", "\n", "").Replace(signature))
			seconds, err := strconv.ParseInt(timestamp, 10, 64)
			require.NoError(t, err)
			require.LessOrEqual(t, max(unix-seconds, seconds-unix), int64(300))
			return
		}
		require.ErrorIs(t, err, ErrSignature)
		require.NotContains(t, err.Error(), expected)
		require.NotContains(t, err.Error(), strings.TrimRight(expected, "="))

		// A signature passes at its own time, and for no other task.
		at := time.Unix(unix&(1<<40-1), 0)
		stamp := strconv.FormatInt(at.Unix(), 10)
		header := signedHeader(stamp, sign(secret, taskID, stamp))
		require.Equal(t, secret != "" && taskID != "", VerifyCallback(secret, header, taskID, at) == nil)
		require.ErrorIs(t, VerifyCallback(secret, header, taskID+"x", at), ErrSignature)
	})
}
