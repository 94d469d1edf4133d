package api

import (
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// humaConfig describes the API. Unknown fields are no error: clients of the service
// that tasksync replaces may send more.
func humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("tasksync", version)
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	c.Components.Schemas = registry
	c.AllowAdditionalPropertiesByDefault = true
	c.Info.Description = "Keeps the rows of music_generations in step with a slow task API. Rows fill in by themselves; this is for pages that want to see it happen, and for providers that call back."
	c.Info.License = &huma.License{Name: "MIT", Identifier: "MIT"}
	c.Info.Contact = &huma.Contact{Name: "the operator of this server"}
	c.Servers = []*huma.Server{{URL: "/", Description: "This server."}}
	c.Tags = []*huma.Tag{
		{Name: "rows", Description: "The user's rows of music_generations, with their clips."},
		{Name: "live", Description: "The user's rows as they change."},
		{Name: "webhooks", Description: "For providers, not for users."},
	}
	c.DocsPath = "" // see registerDocs
	c.SchemasPath = ""
	c.CreateHooks = nil // no $schema in responses
	c.Transformers = []huma.Transformer{withoutValues}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's access token, as Supabase issues it; or a service role token, with user_id."},
		"ticket": {Type: "apiKey", In: "query", Name: "ticket", Description: "A ticket of POST /api/music/v2/sync/events/ticket."},
	}
	return c
}

// describe completes the description with what huma does not derive from the code.
// Requests are not checked by it.
func describe(doc *huma.OpenAPI) {
	describeWords(doc)
	describeHeaders(doc)
	describeProblems(doc)
	for _, op := range operationsOf(doc) {
		describeResponses(op)
	}
	describeCallback(doc.Paths["/webhooks/{provider}/{token}"].Post)
	describeExamples(doc)
	for _, s := range doc.Components.Schemas.Map() {
		s.AdditionalProperties = nil // the same, and generators do not make a map of it
		for name, p := range s.Properties {
			if p.Nullable && len(p.Enum) > 0 {
				p.Enum = append(p.Enum, nil)
			}
			s.Properties[name] = p
		}
	}
}

func operationsOf(doc *huma.OpenAPI) (ops []*huma.Operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range []*huma.Operation{doc.Paths[path].Get, doc.Paths[path].Post, doc.Paths[path].Delete} {
			if op != nil {
				ops = append(ops, op)
			}
		}
	}
	return ops
}

// describeHeaders adds the headers that responses share.
func describeHeaders(doc *huma.OpenAPI) {
	text := func(description, example string) *huma.Param {
		return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	doc.Components.Headers = map[string]*huma.Param{
		"X-Request-Id":     text("The id of the request in tasksync's log: the client's own, or a new one.", "4KJ7Q2X5TZB3H6NWY2RVD5M3AA"),
		"RateLimit-Policy": text("The user's quota: q requests in w seconds.", `"read";q=50;w=10`),
		"RateLimit":        text("What is left of the quota, and in how many seconds there is more.", `"read";r=49;t=1`),
		"ETag":             text("For If-None-Match: the response is 304, without a body, if nothing has changed.", `W/"yQJ2kz4Sx0m1u8rVn3t7Bg"`),
		"Retry-After": {
			Description: "After how many seconds it is worth to try again.",
			Schema:      &huma.Schema{Type: huma.TypeInteger}, Example: 1,
		},
	}
}

// describeResponses refers to the headers from the responses that have them.
func describeResponses(op *huma.Operation) {
	users := op.Tags[0] != "webhooks"
	for status, r := range op.Responses {
		names := []string{"X-Request-Id"}
		if users && (status < "300" || status == "429") {
			names = append(names, "RateLimit-Policy", "RateLimit")
		}
		if status == "429" || status == "503" {
			names = append(names, "Retry-After")
		}
		if status == "200" && op.Method == http.MethodGet && op.OperationID != "events" {
			names = append(names, "ETag")
		}
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		for _, name := range names {
			r.Headers[name] = &huma.Param{Ref: "#/components/headers/" + name}
		}
	}
	if op.Responses["200"] != nil && op.Responses["200"].Headers["ETag"] != nil {
		op.Responses["304"] = &huma.Response{
			Description: "What the client has is still right, by its If-None-Match.",
			Headers:     map[string]*huma.Param{"ETag": {Ref: "#/components/headers/ETag"}, "X-Request-Id": {Ref: "#/components/headers/X-Request-Id"}},
		}
	}
}

// describeProblems leaves out what problems here do not have.
func describeProblems(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	problem, detail := schemas["ErrorModel"], schemas["ErrorDetail"]
	problem.Description = "A problem of RFC 9457."
	problem.Required = []string{"title", "status", "detail"}
	delete(problem.Properties, "type")
	delete(problem.Properties, "instance")
	delete(detail.Properties, "value")
	for name, example := range map[string]any{"title": "Not Found", "status": 404, "detail": errNoRow.Error()} {
		problem.Properties[name].Examples = []any{example}
	}
}

// describeWords adds the words that columns and fields have. A row's column may have
// other words too, because the application writes them.
func describeWords(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas.Map()
	word := func(name, description string, values ...any) {
		schemas[name] = &huma.Schema{Type: huma.TypeString, Description: description, Enum: values}
	}
	ref := func(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }
	word("Status", "How far a row or a clip is.", "submitted", "queued", "processing", "streaming", "complete", "failed")
	word("TaskType", "What the task makes. An application may have types of its own.", "extend", "generate", "replace", "merge", "lyrics")
	word("ErrorCode", "Why a row failed.", "PRODUCER_TAG", "COPYRIGHTED", "INAPPROPRIATE_CONTENT", "MODERATION_FLAGGED", "MALFORMED_PROMPT", "INVALID_REQUEST", "API_ERROR")
	word("Via", "What led to an event: a look of tasksync's own, a webhook, a user's POST, the deadline, a late result, tasksync retry, that the row is new, or that its files were archived.",
		"poll", "webhook", "request", "timeout", "late", "retry", "insert", "archive")
	for _, name := range []string{"from_status", "to_status"} {
		closed := schemas["Event"].Properties[name]
		schemas["Event"].Properties[name] = &huma.Schema{Ref: ref("Status").Ref, Description: closed.Description}
	}
	schemas["Event"].Properties["via"] = ref("Via")
	for schema, columns := range map[string]map[string]string{
		"Generation": {"status": "Status", "task_type": "TaskType", "error_code": "ErrorCode"}, "Clip": {"status": "Status"},
	} {
		for column, name := range columns {
			p := schemas[schema].Properties[column]
			open := []*huma.Schema{ref(name), {Type: huma.TypeString}}
			if p.Nullable {
				open = append(open, &huma.Schema{Type: "null"})
			}
			schemas[schema].Properties[column] = &huma.Schema{AnyOf: open, Description: p.Description}
		}
	}
}

// describeCallback describes the bodies of webhooks, of which only the ids are read.
func describeCallback(op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{
		Required: true, Description: "A callback of a provider's, in JSON. Only the ids of tasks are read.",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeObject}, {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject}}}},
			Examples: map[string]*huma.Example{
				"sunoapi": {Summary: "sunoapi.org and kie.ai", Value: map[string]any{
					"code": 200, "msg": "All generated successfully.",
					"data": map[string]any{"callbackType": "complete", "task_id": exampleTask, "data": []any{}},
				}},
				"acedata": {Summary: "AceData", Value: map[string]any{"success": true, "task_id": exampleTask, "data": []any{}}},
			},
		}},
	}
}
