// Package record keeps, for operators, what each look at a row told: when it was made and
// why, the provider's word, how long the answer took, and what followed; and the last
// answer of the provider.
//
// Nothing depends on it, so that it may cost next to nothing:
//
//	pass ──▶ Writer.Looked (a slot in a buffer) ─ once a second ─▶ one statement
//
// A pass waits for nothing and makes no statement for it. At most [perSecond] looks a
// second are kept; those beyond are counted. What is in the buffer when the process is
// killed is lost, and so is the table when the server crashes.
//
// Of an answer only fields of a known list keep their values: statuses, codes, ids,
// counts, and of addresses the host. All other texts, like prompts and lyrics, are
// replaced by their length. A list of what must go would miss what a provider adds.
package record
