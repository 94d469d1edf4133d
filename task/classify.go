package task

import (
	"regexp"
	"strings"
)

// Classify labels a provider's error text. Its rules are tried in order, without
// regard to case; no rule names a brand, since white-label providers change it.
// ok is false for a text that matches no rule: what such a text means depends on
// the task's own state, which only the caller knows. A refused word, if any,
// stays in the text.
//
// A text alone never means [TaskDead] for a call that failed: a caller that has
// no terminal status in hand treats TaskDead as transient.
func Classify(text string) (code Code, verdict Verdict, ok bool) {
	if r, ok := matchText(text); ok {
		return r.code, r.verdict, true
	}
	return APIError, Transient, false
}

// Refusal reports whether text refuses what a task was asked to make: because of
// its content, or because a song or file that it builds on is not there. Such a
// text blames that task alone, whatever call returned it and whatever code comes
// with it. The other texts that [Classify] calls [Permanent] are about the form of
// a call, which may be our own mistake.
func Refusal(text string) (code Code, ok bool) {
	r, _ := matchText(text)
	return r.code, r.refusal
}

// maxClassified bounds how much of a text is read, in bytes: what matters comes at
// the beginning, and an upstream may send megabytes.
const maxClassified = 8 << 10

type textRule struct {
	code    Code
	verdict Verdict
	refusal bool // see [Refusal]
	match   *regexp.Regexp
}

func matchText(text string) (r textRule, ok bool) {
	text = normalize(text[:min(len(text), maxClassified)])
	for _, r := range textRules {
		if r.match.MatchString(text) {
			return r, true
		}
	}
	return textRule{}, false
}

// The order matters. Content comes before everything that blames an account or the
// provider: such a text often begins with the name of a status ("Unauthorized -
// Failed to fetch the image"), and the word that the provider refuses may be any
// word ("artist name captcha"). Only a check that could not be made comes before
// content. Moderation comes after copyright, because the message beside the word
// "moderation" often names the narrower reason. Validation comes last, because its
// words occur everywhere.
var textRules = []textRule{ //nolint:gochecknoglobals // a constant table
	{APIError, Transient, false, pattern(`\b(moderation|copyright|content) (service|check|system|server|api)\b.*\b(unavailable|maintenance|busy|time[d ]?-? ?out)\b`)},
	{ProducerTag, Permanent, true, pattern(`producer tags?\b|artist'?s? names?\b`)},
	{Copyrighted, Permanent, true, pattern(`copyright|matches existing work`)},
	{InappropriateContent, Permanent, true, pattern(`inappropriate|prohibited words?|sensitive[_ ]word`)},
	{ModerationFlagged, Permanent, true, pattern(`moderation`)},
	{MalformedPrompt, Permanent, true, pattern(`malformed|lyrics format is invalid|try rephrasing`)},
	{InvalidRequest, Permanent, true, pattern(`\b(song|audio) ?id (does not|doesn't) exist|\btaken offline\b|\b(failed to|cannot|can't|could not|unable to) (fetch|download|access) (the |your )?(image|audio|video|file|song)`)},
	{APIError, Account, false, pattern(`credits? (are|is) not enough|insufficient credits|not enough credits|no active subscription|not have an active subscription|\bunauthorized\b|invalid[_ ]token|token validation failed|access denied|api key|captcha`)},
	{APIError, UnknownTask, false, pattern(`\b(task|record) (is |was |does |has )?not (been )?(found|exist)|record ?info is null`)},
	{APIError, TaskDead, false, pattern(`credits (were|have been) (previously )?refunded|rate limited - timeout|timeout while waiting|job failed|task failed|technical issues|^internal error, please try again|^time ?out$`)},
	{APIError, Transient, false, pattern(`maintenance|being maintained|not ready|rate limit|too many requests|call frequency|service unavailable|no available worker|internal server error|^server error|bad gateway|gateway time-?out|http 50\d|connection reset|tls error|read timeout`)},
	{InvalidRequest, Permanent, false, pattern(`\btoo long\b|\bis required\b|\bmust be (a|an|at|between|less|greater|one)\b|validation error|invalid parameter`)},
}

func pattern(expr string) *regexp.Regexp { return regexp.MustCompile(expr) }

// normalize folds case, dashes, apostrophes and white space, so that the rules
// need not tell " - " from an em dash.
func normalize(text string) string {
	text = strings.ToLower(text)
	text = strings.NewReplacer("—", "-", "–", "-", "’", "'").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}
