package task

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// classWant is what the corpus' class means in our codes and verdicts.
var classWant = map[string]textRule{
	"producer_tag":     {code: ProducerTag, verdict: Permanent},
	"copyrighted":      {code: Copyrighted, verdict: Permanent},
	"inappropriate":    {code: InappropriateContent, verdict: Permanent},
	"moderation":       {code: ModerationFlagged, verdict: Permanent},
	"malformed":        {code: MalformedPrompt, verdict: Permanent},
	"validation":       {code: InvalidRequest, verdict: Permanent},
	"not_found":        {code: APIError, verdict: UnknownTask},
	"transient":        {code: APIError, verdict: Transient},
	"provider_failure": {code: APIError, verdict: TaskDead},
	"account":          {code: APIError, verdict: Account},
}

func TestClassifyLabelsTheCorpus(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/errors.json")
	require.NoError(t, err)
	var corpus []struct{ Text, Class, Verdict string }
	require.NoError(t, json.Unmarshal(raw, &corpus))
	require.Len(t, corpus, 55)
	for _, e := range corpus {
		code, verdict, ok := Classify(e.Text)
		want, labelled := classWant[e.Class]
		if !labelled { // ambiguous: the text alone must not decide
			require.NotEqual(t, Permanent, verdict, e.Text)
			require.False(t, ok, e.Text)
			continue
		}
		require.True(t, ok, e.Text)
		require.Equal(t, want.code, code, e.Text)
		require.Equal(t, want.verdict.String(), verdict.String(), e.Text)
	}
}

func TestClassifyRefusesWhatLooksAlike(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Verdict{
		"":  Transient,
		"?": Transient,
		"Your lyrics contain producer tag lowlight — we don't reference specific artists on Our": Permanent,
		"The lyrics contain inappropriate content: 'x'.":                                         Permanent,
		"The song description needs moderation review.":                                          Permanent,
		"The lyrics format is invalid. Please check and try again.":                              Permanent,
		"SENSITIVE_WORD_ERROR":                                     Permanent,
		"PROMPT LIKELY COPYRIGHTED":                                Permanent,
		"Insufficient credits":                                     Account,
		"Your call frequency is too high. Please try again later.": Transient,
		"System maintenance":                                       Transient,
		"record not found":                                         UnknownTask,
		"recordInfo is null":                                       UnknownTask,
		"Something new went wrong":                                 Transient,
		"The tasks of today":                                       Transient,
		"Generic openAI error":                                     Transient,
		"clips generation failed: moderation_failure; Your lyrics contain copyrighted material": Permanent,
		"Task failed due to timeout. Credits were previously refunded.":                         TaskDead,
	} {
		_, verdict, _ := Classify(text)
		require.Equal(t, want.String(), verdict.String(), text)
	}
	code, _, _ := Classify("moderation_failure: Your lyrics contain copyrighted material")
	require.Equal(t, Copyrighted, code)
}

// TestContentComesBeforeTheAccount has texts that sound like trouble with an
// account, a lost task or a provider, but blame what the task was made from.
func TestContentComesBeforeTheAccount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Code{
		"The song id does not exist or has been taken offline.": InvalidRequest,
		"400: the song ID doesn't exist":                        InvalidRequest,
		"This song has been taken offline":                      InvalidRequest,
		"Unauthorized - Failed to fetch the image. Kindly verify any access limits set by you or your service provider.":      InvalidRequest,
		"Unauthorized - Failed to fetch the audio file. Kindly verify any access limits set by you or your service provider.": InvalidRequest,
		"Cannot download the file: access denied":                                InvalidRequest,
		"Unauthorized: Prompt likely copyrighted":                                Copyrighted,
		"Song Description contained artist name: captcha":                        ProducerTag,
		"Access denied: Prompt contained inappropriate material":                 InappropriateContent,
		"Insufficient credits were used: Prompt flagged for moderation":          ModerationFlagged,
		"Task failed: Lyrics contained copyrighted material":                     Copyrighted,
		"Rate limit exceeded. Please try rephrasing with more specific details.": MalformedPrompt,
	} {
		code, verdict, ok := Classify(text)
		require.True(t, ok, text)
		require.Equal(t, Permanent.String(), verdict.String(), text)
		require.Equal(t, want, code, text)
		code, ok = Refusal(text)
		require.True(t, ok, text)
		require.Equal(t, want, code, text)
	}
}

func TestRefusalBlamesTheTaskAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Verdict{
		"":                         Transient,
		"Something new went wrong": Transient,
		"The content moderation service is unavailable": Transient,
		"copyright check timed out":                     Transient,
		"Validation Error - taskId is required":         Permanent,
		"Prompt too long.":                              Permanent,
		"task not found":                                UnknownTask,
		"Unauthorized":                                  Account,
		"Insufficient credits":                          Account,
		"Server Error - Sorry, the generation failed due to an issue. Your credits have been refunded. Please try again": TaskDead,
	} {
		_, verdict, _ := Classify(text)
		require.Equal(t, want.String(), verdict.String(), text)
		_, ok := Refusal(text)
		require.False(t, ok, text)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"cannot download https://user:pw@cdn.example/a.mp3?token=abc#x.":                                    "cannot download https://cdn.example/a.mp3.",
		"fetch https://api.telegram.org/file/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1/v.oga failed": "fetch https://api.telegram.org/file/bot[redacted]/v.oga failed",
		"Authorization: Bearer abcdefghijkl":                                                                "Authorization: Bearer [redacted]",
		"api_key=abcdefghijkl was refused":                                                                  "api_key=[redacted] was refused",
		"bad key sk-abcdefghijklmnopqrst":                                                                   "bad key [redacted]",
		"cannot download https:\x00//user:pw@cdn.example/a.mp3?to\x00ken=abc":                               "cannot download https://cdn.example/a.mp3",
		"nul \x00 and \xff":                   "nul  and \uFFFD",
		"Your tags contain artist name kuban": "Your tags contain artist name kuban",
	} {
		require.Equal(t, want, Redact(text))
	}
	require.Len(t, Redact(string(make([]byte, 10))+longText(5000)), maxMessage)
}

func longText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}

func FuzzRedact(f *testing.F) {
	f.Add("https://a.example/?q=1 Bearer abcdefgh")
	f.Fuzz(func(t *testing.T, text string) {
		got := Redact(text)
		require.LessOrEqual(t, len(got), maxMessage)
		requireStorable(t, got)
		Classify(text)
	})
}
