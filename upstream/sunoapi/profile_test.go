package sunoapi

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
	"tasksync/upstream"
)

func TestProviders(t *testing.T) {
	t.Parallel()
	require.Equal(t, "sunoapi", SunoAPI().Name)
	require.Nil(t, SunoAPI().VerifyCallback, "sunoapi.org documents no signature")
	require.Equal(t, "kie", Kie().Name)
	require.NotNil(t, Kie().VerifyCallback)
	for _, p := range []upstream.Provider{SunoAPI(), Kie()} {
		a, err := p.New(upstream.Config{APIKey: "k"})
		require.NoError(t, err, p.Name)
		require.Equal(t, p.Limits, a.Limits(), p.Name)
		_, err = p.New(upstream.Config{})
		require.ErrorContains(t, err, "APIKey: required", p.Name)
	}
}

// TestCallCodes is the table of codes for an answer without a record.
func TestCallCodes(t *testing.T) {
	t.Parallel()
	const content, missing, odd = "Prompt likely copyrighted", "task not exist", "something odd"
	const offline = "The song id does not exist or has been taken offline."
	const noFile = "Unauthorized - Failed to fetch the image. Kindly verify any access limits set by you or your service provider."
	for _, tc := range []struct {
		code         int
		text         string
		sunoapi, kie string // verdict, ? for a provisional one, reason
	}{
		{400, odd, "unknown_task unknown_task", "unknown_task unknown_task"},
		{400, "", "unknown_task unknown_task", "unknown_task unknown_task"},
		{400, content, "permanent refused", "permanent refused"},
		{400, offline, "permanent? refused", "permanent? refused"},
		{400, "taskId is required", "unknown_task unknown_task", "unknown_task unknown_task"},
		{400, "task not ready", "transient busy", "transient busy"},
		{400, "Token validation failed", "transient unclear", "transient unclear"},
		{400, "Insufficient credits", "transient unclear", "transient unclear"},
		{400, "task failed", "unknown_task unknown_task", "unknown_task unknown_task"},
		{401, odd, "account unauthorized", "account unauthorized"},
		{401, content, "permanent refused", "permanent refused"},
		{401, noFile, "permanent? refused", "permanent? refused"},
		{402, odd, "transient unknown_code", "account credits"},
		{402, "Insufficient credits", "transient unknown_code", "account credits"},
		{403, odd, "transient unknown_code", "transient unknown_code"},
		{403, content, "permanent refused", "permanent refused"},
		{404, odd, "unknown_task unknown_task", "unknown_task unknown_task"},
		{404, missing, "unknown_task unknown_task", "unknown_task unknown_task"},
		{404, offline, "permanent? refused", "permanent? refused"},
		{404, "", "transient no_such_call", "transient no_such_call"},
		{404, "Not found", "transient no_such_call", "transient no_such_call"},
		{404, "404 page not found", "transient no_such_call", "transient no_such_call"},
		{404, "Not Found: /api/v1/api/v1/x", "transient no_such_call", "transient no_such_call"},
		{404, "Not Found - The requested resource or endpoint does not exist", "transient no_such_call", "transient no_such_call"},
		{404, "No static resource api/v1/x.", "transient no_such_call", "transient no_such_call"},
		{500, "No static resource api/v1/x.", "transient no_such_call", "transient no_such_call"},
		{405, "Rate limit exceeded", "transient rate_limited", "transient unknown_code"},
		{405, "Method Not Allowed", "transient no_such_call", "transient no_such_call"},
		{405, "Request method 'GET' is not supported", "transient no_such_call", "transient no_such_call"},
		{408, odd, "task_dead? task_failed", "task_dead? task_failed"},
		{408, content, "permanent refused", "permanent refused"},
		{409, odd, "permanent? refused", "permanent? refused"},
		{413, "Prompt too long.", "permanent? refused", "permanent? refused"},
		{413, odd, "permanent? refused", "permanent? refused"},
		{422, odd, "unknown_task unknown_task", "unknown_task unknown_task"},
		{422, "Not found", "unknown_task unknown_task", "unknown_task unknown_task"},
		{422, content, "permanent refused", "permanent refused"},
		{429, "Insufficient credits", "account credits", "transient rate_limited"},
		{429, "Rate limited", "account credits", "transient rate_limited"},
		{430, odd, "transient rate_limited", "transient unknown_code"},
		{433, odd, "transient unknown_code", "transient rate_limited"},
		{433, missing, "unknown_task unknown_task", "transient rate_limited"},
		{451, odd, "permanent? refused", "permanent? refused"},
		{451, noFile, "permanent? refused", "permanent? refused"},
		{455, content, "transient maintenance", "transient maintenance"},
		{500, odd, "transient provider_error", "transient provider_error"},
		{500, "Insufficient credits", "transient provider_error", "transient provider_error"},
		{500, "Internal Error, Please try again later.", "transient provider_error", "transient provider_error"},
		{500, "recordInfo is null", "unknown_task unknown_task", "unknown_task unknown_task"},
		{500, content, "permanent refused", "permanent refused"},
		{501, odd, "task_dead? task_failed", "task_dead? task_failed"},
		{501, "Not Implemented", "transient no_such_call", "transient no_such_call"},
		{505, odd, "permanent? refused", "permanent? refused"},
		{531, odd, "task_dead? task_failed", "task_dead? task_failed"},
		{531, "Insufficient credits", "task_dead? task_failed", "task_dead? task_failed"},
		{7, odd, "transient unknown_code", "transient unknown_code"},
		{0, "", "transient unknown_code", "transient unknown_code"},
	} {
		for _, side := range []struct {
			profile
			want string
		}{{sunoAPI(), tc.sunoapi}, {kie(), tc.kie}} {
			f := side.callFailure(tc.code, tc.text)
			got := f.Verdict.String() + " " + f.Reason
			if f.Provisional && f.Verdict != task.UnknownTask { // an unknown task always is
				got = f.Verdict.String() + "? " + f.Reason
			}
			require.Equal(t, side.want, got, "%s %d %q", side.Name, tc.code, tc.text)
			require.True(t, f.Provisional || f.Verdict != task.UnknownTask)
			require.NotEmpty(t, f.Message)
			require.NotEmpty(t, f.Code)
		}
	}
}

// TestRecordCodes is the table of codes for the errorCode of a record.
func TestRecordCodes(t *testing.T) {
	t.Parallel()
	const odd = "something odd"
	for _, tc := range []struct {
		status string
		code   any
		text   string
		want   string // status, verdict, code
	}{
		{"GENERATE_AUDIO_FAILED", 400, "Your tags contain artist name skank", "failed permanent PRODUCER_TAG"},
		{"GENERATE_AUDIO_FAILED", "400", odd, "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", 400, "Title too long.", "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 408, "Rate Limited - Timeout", "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", 409, odd, "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 422, odd, "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 422, "Validation Error - Lyrics contained copyrighted material", "failed permanent COPYRIGHTED"},
		{"GENERATE_AUDIO_FAILED", 451, "", "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 505, odd, "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", "413", odd, "failed permanent COPYRIGHTED"},
		{"GENERATE_AUDIO_FAILED", 413.0, "", "failed permanent COPYRIGHTED"},
		{"GENERATE_AUDIO_FAILED", 413, "The prompt is too long", "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 413, "Prompt exceeds the limit", "failed permanent INVALID_REQUEST"},
		{"GENERATE_AUDIO_FAILED", 429, "Insufficient credits", "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", 500, "Internal Error, Please try again later.", "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", 500, "Prompt flagged for moderation", "failed permanent MODERATION_FLAGGED"},
		{"GENERATE_AUDIO_FAILED", 501, "", "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", 531, odd, "failed task_dead API_ERROR"},
		{"GENERATE_AUDIO_FAILED", nil, "", "failed task_dead API_ERROR"},
		{"generate_lyrics_failed", nil, "Prompt likely malformed", "failed permanent MALFORMED_PROMPT"},
		{"CREATE_TASK_FAILED", 500, odd, "failed task_dead API_ERROR"},
		{"FAILED", 0, odd, "failed task_dead API_ERROR"},
		{"SENSITIVE_WORD_ERROR", nil, "", "failed permanent INAPPROPRIATE_CONTENT"},
		{"SENSITIVE_WORD_ERROR", 0, odd, "failed permanent INAPPROPRIATE_CONTENT"},
		{"SENSITIVE_WORD_ERROR", 500, "Internal Error, Please try again later.", "failed permanent INAPPROPRIATE_CONTENT"},
		{"SENSITIVE_WORD_ERROR", 413, "", "failed permanent COPYRIGHTED"},
		{"SENSITIVE_WORD_ERROR", 0, "Song Description contained artist name: eminem", "failed permanent PRODUCER_TAG"},
		{"PENDING", 413, "", "failed permanent COPYRIGHTED"},
		{"PENDING", nil, "Your lyrics contain copyrighted material.", "failed permanent COPYRIGHTED"},
		{"TEXT_SUCCESS", nil, "Prompt flagged for moderation", "failed permanent MODERATION_FLAGGED"},
		{"PENDING", 500, "Internal Error, Please try again later.", "processing"},
		{"PENDING", 451, odd, "processing"},
		{"PENDING", 429, "Insufficient credits", "processing"},
		{"PENDING", 0, "", "processing"},
		{"FIRST_SUCCESS", nil, "", "streaming"},
		{"SUCCESS", nil, odd, "complete"},
		{"CALLBACK_EXCEPTION", 500, odd, "processing"},
		{"GENERATING", 500, odd, "processing"},
		{"NEVER_HEARD_OF", nil, "", "processing"},
	} {
		for _, p := range []profile{sunoAPI(), kie()} {
			code, err := json.Marshal(tc.code)
			require.NoError(t, err)
			text, err := json.Marshal(tc.text)
			require.NoError(t, err)
			b := setup(t, p, nil)
			obs, _, f := b.decode(task.Generate, fmt.Sprintf(
				`{"code":200,"data":{"taskId":"T1","status":%q,"errorCode":%s,"errorMessage":%s}}`, tc.status, code, text))
			require.Nil(t, f)
			got := string(obs.Status)
			if obs.Failure != nil {
				got += " " + obs.Failure.Verdict.String() + " " + string(obs.Failure.Code)
				require.NotEmpty(t, obs.Failure.Message)
			}
			require.Equal(t, tc.want, got, "%s %v %q", tc.status, tc.code, tc.text)
			require.Equal(t, tc.status, obs.Raw)
		}
	}
}

// TestNoTextFailsAPendingTaskWrongly runs the corpus of error texts through a
// record that goes on: only permanent ones end it.
func TestNoTextFailsAPendingTaskWrongly(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../task/testdata/errors.json")
	require.NoError(t, err)
	var corpus []struct{ Text, Verdict string }
	require.NoError(t, json.Unmarshal(raw, &corpus))
	b := setup(t, kie(), nil)
	for _, e := range corpus {
		text, err := json.Marshal(e.Text)
		require.NoError(t, err)
		pending, _, f := b.decode(task.Generate, fmt.Sprintf(`{"code":200,"data":{"status":"PENDING","errorMessage":%s}}`, text))
		require.Nil(t, f)
		require.Equal(t, e.Verdict == "permanent", pending.Failure != nil, e.Text)
		failed, _, f := b.decode(task.Generate, fmt.Sprintf(`{"code":200,"data":{"status":"FAILED","errorMessage":%s}}`, text))
		require.Nil(t, f)
		require.Equal(t, task.Failed, failed.Status)
		require.Equal(t, e.Verdict == "permanent", failed.Failure.Verdict == task.Permanent, e.Text)
	}
}
