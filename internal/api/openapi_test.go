package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/task"
)

// object is a JSON object.
type object = map[string]any

// openAPI gets the description, without a token.
func (b *bundle) openAPI() object {
	b.Helper()
	a := b.call(http.MethodGet, "/openapi.json", "", "")
	require.Equal(b, http.StatusOK, a.status)
	require.Equal(b, "application/openapi+json", a.header.Get("Content-Type"))
	var doc object
	a.decode(b, &doc)
	return doc
}

// walk visits every object in a JSON value.
func walk(v any, visit func(object)) {
	switch v := v.(type) {
	case object:
		visit(v)
		for _, inner := range v {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

// resolve follows a reference within the document.
func resolve(doc object, ref string) (any, bool) {
	parts, local := strings.CutPrefix(ref, "#/")
	var at any = doc
	for _, part := range strings.Split(parts, "/") {
		in, ok := at.(object)
		if !ok {
			return nil, false
		}
		at = in[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at, local && at != nil
}

// operations returns the operations of the document by route, like "GET /path".
func operations(doc object) map[string]object {
	all := map[string]object{}
	for p, item := range doc["paths"].(object) {
		for method, op := range item.(object) {
			all[strings.ToUpper(method)+" "+p] = op.(object)
		}
	}
	return all
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	doc := setup(t).openAPI()
	require.Regexp(t, `^3\.1\.\d+$`, doc["openapi"])
	require.Equal(t, "test", doc["info"].(object)["version"])
	for name := range doc {
		require.Contains(t, []string{"openapi", "info", "servers", "paths", "components", "tags"}, name)
	}
	refs := 0
	walk(doc, func(o object) {
		ref, ok := o["$ref"].(string)
		if !ok {
			return
		}
		refs++
		_, found := resolve(doc, ref)
		require.True(t, found, ref)
	})
	require.Greater(t, refs, 10)
	walk(doc["components"], func(o object) {
		if required, ok := o["required"].([]any); ok {
			for _, name := range required {
				require.Contains(t, o["properties"], name)
			}
		}
	})
}

func TestOpenAPIHasEveryOperation(t *testing.T) {
	t.Parallel()
	doc := setup(t).openAPI()
	ops := operations(doc)
	bearer := []any{object{"bearer": []any{}}}
	want := map[string][]any{
		"POST " + syncPath: bearer, "GET " + syncPath: bearer, "POST " + syncPath + "/events/ticket": bearer, "DELETE " + syncPath + "/events/ticket": bearer,
		"GET " + syncPath + "/events": append(slices.Clone(bearer), object{"ticket": []any{}}), "POST /webhooks/{provider}/{token}": {},
		"GET " + generationPath: bearer, "GET " + generationsPath: bearer,
	}
	require.Len(t, ops, len(want))
	schemes := doc["components"].(object)["securitySchemes"].(object)
	ids := map[any]bool{}
	for route, security := range want {
		op := ops[route]
		require.NotNil(t, op, route)
		require.False(t, ids[op["operationId"]], "%s: its id is another's", route)
		ids[op["operationId"]] = true
		require.NotEmpty(t, op["summary"], route)
		require.Equal(t, security, op["security"], route)
		for _, alternative := range security {
			for scheme := range alternative.(object) {
				require.Contains(t, schemes, scheme)
			}
		}
		requireParameters(t, route, op)
		requireResponses(t, route, op)
	}
	require.Equal(t, object{"$ref": "#/components/schemas/SyncBody"}, ops["POST "+syncPath]["requestBody"].(object)["content"].(object)["application/json"].(object)["schema"])
	require.NotEqual(t, true, ops["POST "+syncPath]["requestBody"].(object)["required"], "the body is optional")
}

// requireParameters checks that the path parameters are those that the path names.
func requireParameters(t *testing.T, route string, op object) {
	t.Helper()
	var inPath []string
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		if p := p.(object); p["in"] == "path" {
			require.Equal(t, true, p["required"], route)
			inPath = append(inPath, "{"+p["name"].(string)+"}")
		}
	}
	require.ElementsMatch(t, regexp.MustCompile(`\{\w+\}`).FindAllString(route, -1), inPath, route)
}

// requireResponses checks that one response is a success, and that the others are
// problems.
func requireResponses(t *testing.T, route string, op object) {
	t.Helper()
	good := 0
	for status, response := range op["responses"].(object) {
		require.NotEmpty(t, response.(object)["description"], "%s %s", route, status)
		require.Contains(t, response.(object)["headers"], "X-Request-Id")
		if status == "204" || status == "304" {
			require.NotContains(t, response, "content")
			good += map[string]int{"204": 1}[status]
			continue
		}
		content := response.(object)["content"].(object)
		for _, media := range content {
			require.NotNil(t, media.(object)["example"], "%s %s has an example", route, status)
		}
		if status < "300" {
			good++
			continue
		}
		problem, ok := content["application/problem+json"].(object)
		require.True(t, ok, "%s %s", route, status)
		require.Equal(t, object{"$ref": "#/components/schemas/ErrorModel"}, problem["schema"])
		require.Len(t, content, 1)
	}
	require.Equal(t, 1, good, route)
	for _, status := range []string{"422", "500", "501"} {
		require.Contains(t, op["responses"], status, route)
	}
}

// TestOpenAPIHasEveryResponse: each status that a route can return is described.
func TestOpenAPIHasEveryResponse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_ = b.everyResponse()
	ops := operations(b.openAPI())
	families, err := b.reg.Gather()
	require.NoError(t, err)
	seen := 0
	for _, f := range families {
		if f.GetName() != "tasksync_http_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() { // labels are sorted by name
			code, route := m.GetLabel()[0].GetValue(), m.GetLabel()[1].GetValue()
			if op, ok := ops[route]; ok {
				require.Contains(t, op["responses"], code, route)
				seen++
			}
		}
	}
	require.Greater(t, seen, 8)
}

// TestOpenAPIHasEveryColumn: rows have the described columns and types.
func TestOpenAPIHasEveryColumn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, _ = b.insertReady(alice)
	a := b.call(http.MethodPost, syncPath, token(alice), "")
	var got struct{ Generations []object }
	require.NoError(t, json.Unmarshal([]byte(a.body), &got))
	row := got.Generations[0]
	schemas := b.openAPI()["components"].(object)["schemas"].(object)
	for schema, value := range map[string]object{"Generation": row, "Clip": row["clips"].([]any)[0].(object)} {
		properties := schemas[schema].(object)["properties"].(object)
		require.Len(t, value, len(properties), schema)
		for name, v := range value {
			require.Contains(t, properties, name)
			property := properties[name]
			if ref, ok := property.(object)["$ref"].(string); ok {
				property = schemas[path.Base(ref)]
			}
			require.Contains(t, typesOf(property), typeOf(v), "%s.%s", schema, name)
		}
	}
}

// typesOf returns the types that a schema allows.
func typesOf(schema any) []string {
	var types []string
	alternatives, _ := schema.(object)["anyOf"].([]any)
	for _, one := range alternatives {
		types = append(types, typesOf(one)...)
	}
	switch t := schema.(object)["type"].(type) {
	case string:
		types = append(types, t)
	case []any:
		for _, one := range t {
			types = append(types, one.(string))
		}
	}
	return types
}

// typeOf returns the type of a value in the terms of JSON Schema.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

var (
	reference = regexp.MustCompile(`(?:src|href|action)="([^"]*)"`)
	styleURL  = regexp.MustCompile(`url\(\s*['"]?([^)'"]+)|@import\s+['"]([^'"]+)`)
)

// TestDocsNeedNoInternet: the page and its assets come from this server.
func TestDocsNeedNoInternet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, page := range []string{"/docs", "/docs/"} {
		a := b.call(http.MethodGet, page, "", "")
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.header.Get("Content-Type"), "text/html")
		require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'self'")
		script := b.call(http.MethodGet, "/docs/page.js", "", "").body
		require.Contains(t, script, `'/openapi.json'`)
		require.Contains(t, script, "validatorUrl: null", "a validator would be another server")
		assets := reference.FindAllStringSubmatch(a.body, -1)
		require.GreaterOrEqual(t, len(assets), 3)
		for _, asset := range assets {
			b.requireAsset(asset[1])
		}
		require.NotRegexp(t, `(?:src|href)\s*=\s*["']?(?:https?:)?//`, a.body)
	}
	require.Equal(t, http.StatusNotFound, b.call(http.MethodGet, "/docs/nothing.js", "", "").status)
}

// requireAsset checks that this server has the asset, and that a style sheet loads
// nothing more.
func (b *bundle) requireAsset(address string) {
	b.Helper()
	require.True(b, strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//"), address)
	a := b.call(http.MethodGet, address, "", "")
	require.Equal(b, http.StatusOK, a.status, address)
	require.NotEmpty(b, a.body, address)
	require.Equal(b, "nosniff", a.header.Get("X-Content-Type-Options"))
	kind := map[string]string{".css": "text/css", ".js": "javascript", ".png": "image/png"}[path.Ext(address)]
	require.Contains(b, a.header.Get("Content-Type"), kind, address)
	if path.Ext(address) != ".css" {
		return
	}
	for _, m := range styleURL.FindAllStringSubmatch(a.body, -1) {
		require.True(b, strings.HasPrefix(m[1], "data:"), "%.80s", m[0])
	}
}

var update = flag.Bool("update", false, "write docs/openapi.json")

// TestOpenAPIGolden: the description in docs, from which clients can be generated without a
// server, is that of the server.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Version = "0" })
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, []byte(b.call(http.MethodGet, "/openapi.json", "", "").body), "", "  "))
	pretty.WriteByte('\n')
	const golden = "../../docs/openapi.json"
	if *update {
		require.NoError(t, os.WriteFile(golden, pretty.Bytes(), 0o644)) //nolint:gosec // a public file
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), pretty.String(), "go test ./internal/api -run TestOpenAPIGolden -update")
}

// TestOpenAPIHasTheWords that the code has.
func TestOpenAPIHasTheWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	schemas := b.openAPI()["components"].(object)["schemas"].(object)
	words := func(name string) (all []string) {
		for _, word := range schemas[name].(object)["enum"].([]any) {
			all = append(all, word.(string))
		}
		slices.Sort(all)
		return all
	}
	var statuses []string
	for _, s := range task.Statuses() {
		statuses = append(statuses, string(s))
	}
	require.ElementsMatch(t, statuses, words("Status"))
	require.ElementsMatch(t, task.DefaultHandlers().Names(), words("TaskType"))
	var check string
	require.NoError(t, b.pool.QueryRow(t.Context(), `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'generation_events_via_check'`).Scan(&check))
	var vias []string
	for _, m := range regexp.MustCompile(`'(\w+)'`).FindAllStringSubmatch(check, -1) {
		vias = append(vias, m[1])
	}
	require.ElementsMatch(t, vias, words("Via"))
	for _, code := range []task.Code{task.ProducerTag, task.Copyrighted, task.InappropriateContent, task.ModerationFlagged, task.MalformedPrompt, task.InvalidRequest, task.APIError} {
		require.Contains(t, words("ErrorCode"), string(code))
	}
}
