package acedata

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

// TestCallErrors is the table of codes for the error of a call.
func TestCallErrors(t *testing.T) {
	t.Parallel()
	const content, odd = "Prompt likely copyrighted", "something odd"
	for _, tc := range []struct {
		status int
		code   string
		text   string
		want   string // verdict, reason; "": the HTTP status decides
	}{
		{400, "bad_request", odd, "unknown_task unknown_task"},
		{400, "BAD_REQUEST", "", "unknown_task unknown_task"},
		{400, "bad_request", content, "permanent refused"},
		{400, "bad_request", "task not found", "unknown_task unknown_task"},
		{400, "bad_request", "task not ready", "transient busy"},
		{400, "bad_request", "The remaining credits are not enough.", "transient unknown_code"},
		{400, "token_mismatched", odd, "account unauthorized"},
		{400, "api_not_implemented", odd, "account api_not_implemented"},
		{400, "disabled", odd, "account account"},
		{401, "invalid_token", odd, "account unauthorized"},
		{401, "invalid_token", content, "account unauthorized"},
		{403, "forbidden", odd, "account unauthorized"},
		{403, "forbidden", "The remaining credits are not enough.", "account unauthorized"},
		{403, "forbidden", content, "permanent refused"},
		{403, "forbidden", "Your tags contain artist name kuban", "permanent refused"},
		{404, "not_found", odd, "unknown_task unknown_task"},
		{404, "", "Not Found", ""},
		{409, "conflict", odd, "permanent refused"},
		{451, "new_code", odd, "permanent refused"},
		{429, "too_many_requests", odd, "transient rate_limited"},
		{429, "too_many_requests", content, "transient rate_limited"},
		{500, "api_error", "fetch failed", "transient http_5xx"},
		{500, "api_error", "Internal Server Error.", "transient http_5xx"},
		{500, "api_error", "task failed", "transient http_5xx"},
		{500, "api_error", content, "transient http_5xx"},
		{500, "api_error", "task not exist", "unknown_task unknown_task"},
		{500, "api_error", "Token validation failed", "transient http_5xx"},
		{504, "timeout", odd, "transient timeout"},
		{504, "timeout", "task not exist", "transient timeout"},
		{200, "new_code", odd, "transient bad_body"},
		{200, "new_code", content, "permanent refused"},
		{200, "new_code", "insufficient credits", "transient bad_body"},
		{200, "new_code", "Rate limit exceeded", "transient busy"},
		{400, "new_code", odd, ""},
		{400, "new_code", content, "permanent refused"},
		{400, "new_code", "insufficient credits", ""},
		{400, "new_code", "task not exist", "unknown_task unknown_task"},
		{500, "", "", ""},
	} {
		f := callFailure(tc.status, upstream.ErrorField{Code: tc.code, Message: tc.text})
		if tc.want == "" {
			require.Nil(t, f, "%d %s %q", tc.status, tc.code, tc.text)
			continue
		}
		require.NotNil(t, f, "%d %s %q", tc.status, tc.code, tc.text)
		require.Equal(t, tc.want, f.Verdict.String()+" "+f.Reason, "%d %s %q", tc.status, tc.code, tc.text)
		require.NotEmpty(t, f.Message)
		require.NotEmpty(t, f.Code)
		require.Equal(t, f.Verdict == task.UnknownTask || tc.status == 409 || tc.status == 451, f.Provisional)
	}
}

// TestTaskErrors is the same table for the error inside a record.
func TestTaskErrors(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, tc := range []struct{ code, text, ended, pending string }{
		{"bad_request", "prompt is required", "permanent INVALID_REQUEST", "permanent INVALID_REQUEST"},
		{"bad_request", "Your tags contain artist name skank", "permanent PRODUCER_TAG", "permanent PRODUCER_TAG"},
		{"bad_request", "something odd", "permanent INVALID_REQUEST", ""},
		{"bad_request", "", "permanent INVALID_REQUEST", ""},
		{"bad_request", "task failed", "task_dead API_ERROR", ""},
		{"bad_request", "Rate limit exceeded", "task_dead API_ERROR", ""},
		{"forbidden", "", "task_dead API_ERROR", ""},
		{"forbidden", "Prompt flagged for moderation", "permanent MODERATION_FLAGGED", "permanent MODERATION_FLAGGED"},
		{"api_error", "fetch failed", "task_dead API_ERROR", ""},
		{"api_error", "Lyrics contained copyrighted material", "permanent COPYRIGHTED", "permanent COPYRIGHTED"},
		{"api_error", "Unable to generate lyrics from song description", "task_dead API_ERROR", ""},
		{"timeout", "something odd", "task_dead API_ERROR", ""},
		{"too_many_requests", "Too many requests", "task_dead API_ERROR", ""},
		{"invalid_token", "something odd", "task_dead API_ERROR", ""},
		{"moderation_failure", "something odd", "permanent MODERATION_FLAGGED", "permanent MODERATION_FLAGGED"},
		{"new_code", "something odd", "task_dead API_ERROR", ""},
		{"", "", "task_dead API_ERROR", ""},
	} {
		response := fmt.Sprintf(`"response":{"success":false,"error":{"code":%q,"message":%q}}`, tc.code, tc.text)
		for state, want := range map[string]string{"failed": tc.ended, "complete": tc.ended, "": tc.ended, "pending": tc.pending} {
			if state != "failed" && tc.code+tc.text == "" {
				continue // no error at all
			}
			obs := b.observe(t, task.Generate, aRecord(fmt.Sprintf(`"state":%q,%s`, state, response)))
			got := ""
			if f := obs.Failure; f != nil {
				got = f.Verdict.String() + " " + string(f.Code)
				require.NotEmpty(t, f.Message)
				require.Equal(t, task.Failed, obs.Status)
			}
			require.Equal(t, want, got, "%s %q, state %q", tc.code, tc.text, state)
		}
	}
	obs := b.observe(t, task.Generate, aRecord(`"state":"pending","response":{"success":false,"error":{"message":"Prompt likely malformed"},"data":[{"id":"a","audio_url":"https://h/a.mp3"}]}`))
	require.Nil(t, obs.Failure, "there is something to lose")
	obs = b.observe(t, task.Generate, aRecord(`"response":{"success":false,"error":"Your tags contain artist name kuban"}`))
	require.Equal(t, "Your tags contain artist name kuban", obs.Failure.Message)
	require.Equal(t, task.ProducerTag, obs.Failure.Code)
}

// TestCorpus runs all known error texts through a record and through a call.
func TestCorpus(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../task/testdata/errors.json")
	require.NoError(t, err)
	var corpus []struct{ Text, Verdict string }
	require.NoError(t, json.Unmarshal(raw, &corpus))
	b := setup(t, nil)
	for _, e := range corpus {
		permanent := e.Verdict == "permanent"
		for _, state := range []string{"pending", "failed"} {
			obs := b.observe(t, task.Generate, aRecord(fmt.Sprintf(
				`"state":%q,"response":{"success":false,"error":{"code":"api_error","message":%s}}`, state, quote(t, e.Text))))
			require.Equal(t, permanent || state == "failed", obs.Failure != nil, e.Text)
			if obs.Failure != nil {
				require.Equal(t, permanent, obs.Failure.Verdict == task.Permanent, e.Text)
				require.Equal(t, e.Text, obs.Failure.Message, "the refused word is kept")
			}
		}
		f := callFailure(500, upstream.ErrorField{Code: "api_error", Message: e.Text})
		require.LessOrEqual(t, f.Verdict, task.UnknownTask, e.Text)
		require.NotEqual(t, task.Account, f.Verdict, "a text blames no account: %s", e.Text)
	}
}
