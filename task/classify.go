package task

import (
	"regexp"
	"strings"
)

// Classify labels a provider's error text. Rules are tried in order, without
// regard to case; no rule names a brand, since white-label providers change it.
// ok is false for a text that no rule knows: what it means then depends on the
// task's own state, so only the caller can tell. The refused word, if any,
// stays in the text.
//
// A text alone never yields [TaskDead] for a call that failed: a caller that
// has no terminal status in hand treats TaskDead as transient.
func Classify(text string) (code Code, verdict Verdict, ok bool) {
	if r, ok := ruleOf(text); ok {
		return r.code, r.verdict, true
	}
	return APIError, Transient, false
}

// Refusal reports whether a text refuses what a task was asked to make, or to
// make it of: its content, or a song or file that is not there. Then it blames
// that task alone, whatever call brought it and whatever code stands beside it.
// What else [Classify] calls [Permanent] is about the form of a request, which
// may be our own.
func Refusal(text string) (code Code, ok bool) {
	r, _ := ruleOf(text)
	return r.code, r.refusal
}

// maxClassified bounds what of a text is looked at, in bytes: what matters
// stands at the beginning, and an upstream may send megabytes.
const maxClassified = 8 << 10

type rule struct {
	code    Code
	verdict Verdict
	refusal bool // see [Refusal]
	match   *regexp.Regexp
}

func ruleOf(text string) (r rule, ok bool) {
	text = normalize(text[:min(len(text), maxClassified)])
	for _, r := range rules {
		if r.match.MatchString(text) {
			return r, true
		}
	}
	return rule{}, false
}

// The order matters. Content comes before all that blames an account or the
// provider: such a text often begins with the name of a status ("Unauthorized -
// Failed to fetch the image"), and the word that it refuses may be any ("artist
// name captcha"). Only a check that could not be made stands before it.
// Moderation comes after copyright, because a moderation bucket is refined by the
// message it carries; validation comes last, because its words occur everywhere.
var rules = []rule{ //nolint:gochecknoglobals // a constant table
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

// normalize folds case, dashes and white space, so that " - " and an em dash
// are the same to the rules.
func normalize(text string) string {
	text = strings.ToLower(text)
	text = strings.NewReplacer("—", "-", "–", "-", "’", "'").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}
