package clips

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
)

// how a column of a new clip gets its value.
type how int

const (
	byDefault how = iota // the statement does not name the column
	written              // by what the provider says
	supplied             // by an expression that stands for a default
	filled               // from the row in music_generations
	numbered             // the clips of a row are counted
	missing              // it must have a value, and there is none
)

// usual reports whether query ClipInsertMany does all that is wanted for the column.
func usual(c queries.ClipColumnListRow) bool {
	switch _, how := valueOf(c); {
	case c.Name == "created_at":
		return !c.Generated && c.MayInsert && isNow(c.DefaultValue) && isMoment(c) && step(c) == microsecond
	case how == written:
		return !c.Required || isKey(c.Name)
	default:
		return how == byDefault || how == missing
	}
}

// valueOf returns how the column gets its value, and the expression for it. In the
// expression u is a clip that the provider described, and g is its row.
func valueOf(c queries.ClipColumnListRow) (value string, _ how) {
	switch {
	case isKey(c.Name):
		return "u." + c.Name, written
	case isText(c.Name) || c.Name == "duration":
		return writtenValue(c), written
	case c.Generated || !c.MayInsert:
		return "", byDefault
	case c.Name == "id" || c.Name == "updated_at":
		return suppliedValue(c)
	case c.Name == "created_at":
		return createdAt(c)
	}
	if value, numbers := numberOf(c); numbers {
		return value, numbered
	}
	value, fills := rowValue(c)
	switch {
	case fills:
		return value, filled
	case required(c) && !c.Instead:
		return "", missing
	default:
		return "", byDefault
	}
}

// required reports whether an insert that does not name the column fails.
func required(c queries.ClipColumnListRow) bool { return c.Required && c.DefaultValue == "" }

// isKey reports whether every clip has a value in the column.
func isKey(name string) bool { return name == "generation_id" || name == "clip_id" || name == "status" }

func isText(name string) bool {
	return slices.Contains([]string{"title", "audio_url", "stream_audio_url", "video_url", "image_url", "lyrics", "tags", "model_name"}, name)
}

// writtenValue is what the provider said; where it said nothing, null, or in a column
// that takes no null its default, or the value that stands for none.
func writtenValue(c queries.ClipColumnListRow) string {
	none, base := "''", "text"
	if c.Name == "duration" {
		none, base = "0", "double precision"
	}
	value := "nullif(u." + c.Name + ", " + none + ")"
	switch {
	case !c.Required:
		return value
	case c.DefaultValue != "":
		none = "(" + c.DefaultValue + ")::" + base
	}
	return "coalesce(" + value + ", " + none + ")"
}

// suppliedValue stands for the default of id or updated_at, if there is none. A view
// that has a trigger to insert makes its own.
func suppliedValue(c queries.ClipColumnListRow) (string, how) {
	switch {
	case c.DefaultValue != "" || c.Instead:
		return "", byDefault
	case c.Name == "id":
		return "gen_random_uuid()", supplied
	default:
		return "now()", supplied
	}
}

// createdAt is the default of created_at, or now(), and the place of the clip among
// the others. It is not after now(), which updated_at may be compared with.
func createdAt(c queries.ClipColumnListRow) (string, how) {
	if c.Instead {
		return "", byDefault
	}
	value := "now()"
	if c.DefaultValue != "" {
		value = "(" + c.DefaultValue + ")"
	}
	apart := step(c)
	switch {
	case apart != "":
		return value + " - (cardinality($1::uuid[]) - u.place) * interval '" + apart + "'", supplied
	case c.DefaultValue == "":
		return value, supplied
	default:
		return "", byDefault
	}
}

const (
	microsecond = "1 microsecond"
	millisecond = "1 millisecond"
)

// step is the least time by which the values of the column can differ; "": they
// cannot be told apart.
func step(c queries.ClipColumnListRow) string {
	switch {
	case !isMoment(c) || c.Modifier >= 0 && c.Modifier < 3:
		return ""
	case c.Modifier >= 0 && c.Modifier < 6:
		return millisecond
	default:
		return microsecond
	}
}

func isMoment(c queries.ClipColumnListRow) bool {
	return c.Base == "timestamptz" || c.Base == "timestamp"
}

func isNow(value string) bool { return value == "now()" || value == "CURRENT_TIMESTAMP" }

// constant matches a default that is a number.
var constant = regexp.MustCompile(`^[('\s]*(\d{1,4})[)'\s]*(?:::[a-z ]+)?$`)

// numberOf returns the number of a clip among those of its row, if the column is for
// that: an integer that may stand once in a row, with a default that is the same for
// all clips, so that only one clip could have it. The default is the first number.
func numberOf(c queries.ClipColumnListRow) (value string, numbers bool) {
	first := constant.FindStringSubmatch(c.DefaultValue)
	if first == nil || !c.Required || !c.OncePerGeneration || c.Instead || !slices.Contains([]string{"int2", "int4", "int8"}, c.Base) {
		return "", false
	}
	name := pgx.Identifier{c.Name}.Sanitize()
	return "greatest(" + first[1] + ", (SELECT max(o." + name + ") + 1 FROM public.music_clips AS o WHERE o.generation_id = u.generation_id))" +
		" + row_number() OVER (PARTITION BY u.generation_id ORDER BY u.place) - 1", true
}

// ofTheRow are columns of a row that say how it went, not whose it is.
var ofTheRow = []string{"error_code", "error_message", "completed_at"} //nolint:gochecknoglobals // a constant list

// makesUp matches defaults that make up a value for each clip.
var makesUp = regexp.MustCompile(`(?i)nextval|random|generate|uuidv?\d|ulid|nanoid|cuid`)

// rowValue returns the value of the row's column of the same name, if the column is to
// be filled with it. What need not be filled is filled only if that cannot fail for
// the type alone.
func rowValue(c queries.ClipColumnListRow) (value string, fills bool) {
	value = "g." + pgx.Identifier{c.Name}.Sanitize()
	switch {
	case !c.Shared, slices.Contains(ofTheRow, c.Name), c.IsUnique:
		return "", false
	case required(c) && c.SameType:
		return value, true
	case required(c):
		return value + "::text::" + c.Shown, convertible(c)
	case !c.SameType, c.Modifier != -1 && c.Modifier != c.GenerationModifier:
		return "", false
	case c.DefaultValue == "":
		return value, true
	case makesUp.MatchString(c.DefaultValue), isMoment(c), c.Base == "date":
		return "", false
	default:
		return "coalesce(" + value + ", (" + c.DefaultValue + "))", true
	}
}

// convertible reports whether a text of the row's value is mostly one of the column's.
func convertible(c queries.ClipColumnListRow) bool {
	texts, numbers := []string{"text", "varchar", "bpchar", "citext"}, []string{"int2", "int4", "int8", "numeric"}
	kinds := append(append([]string{"uuid"}, texts...), numbers...)
	from, to := c.GenerationBase, c.Base
	switch {
	case slices.Contains(texts, from) || slices.Contains(texts, to):
		return slices.Contains(kinds, from) && slices.Contains(kinds, to)
	default:
		return slices.Contains(numbers, from) && slices.Contains(numbers, to)
	}
}

// statement is an insert under construction.
type statement struct {
	columns, values []string
	row             bool // a value is taken from the row
}

// write adds a column that tasksync writes; add adds another one.
func (s *statement) write(name, value string) {
	s.columns, s.values = append(s.columns, name), append(s.values, value)
}

func (s *statement) add(name, value string) {
	s.columns, s.values = append(s.columns, pgx.Identifier{name}.Sanitize()), append(s.values, value)
	s.row = s.row || strings.Contains(value, "g.\"")
}

// String returns the statement. Its SQL stands here because its columns are only
// known from the catalog. The parameters are those of ClipInsertMany, in its order.
func (s *statement) String() string {
	const described = ` FROM (
	SELECT generate_subscripts($1::uuid[], 1) AS place, unnest($1::uuid[]) AS generation_id, unnest($2::text[]) AS clip_id,
		unnest($3::text[]) AS status, unnest($4::text[]) AS title, unnest($5::text[]) AS audio_url, unnest($6::text[]) AS stream_audio_url,
		unnest($7::text[]) AS video_url, unnest($8::text[]) AS image_url, unnest($9::text[]) AS lyrics, unnest($10::text[]) AS tags,
		unnest($11::text[]) AS model_name, unnest($12::double precision[]) AS duration
) AS u`
	text := "INSERT INTO public.music_clips (" + strings.Join(s.columns, ", ") + ") SELECT " + strings.Join(s.values, ", ") + described
	if s.row {
		text += " JOIN public.music_generations AS g ON g.id = u.generation_id"
	}
	return text
}
