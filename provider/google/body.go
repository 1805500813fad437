package google

import "github.com/go-json-experiment/json/jsontext"

// request is the body of generateContent.
type request struct {
	Contents          []content         `json:"contents"`
	SystemInstruction *content          `json:"systemInstruction,omitzero"`
	Tools             []tool            `json:"tools,omitzero"`
	ToolConfig        *toolConfig       `json:"toolConfig,omitzero"`
	GenerationConfig  *generationConfig `json:"generationConfig,omitzero"`
	ServiceTier       string            `json:"serviceTier,omitzero"`
	Labels            map[string]string `json:"labels,omitzero"`
}

// content is one turn: role user or model, none for the system instruction.
type content struct {
	Role  string `json:"role,omitzero"`
	Parts []part `json:"parts"`
}

// part is one piece of a turn; one of its members but the signature is set.
type part struct {
	Text             *string           `json:"text,omitzero"`
	InlineData       *blob             `json:"inlineData,omitzero"`
	FileData         *fileData         `json:"fileData,omitzero"`
	FunctionCall     *functionCall     `json:"functionCall,omitzero"`
	FunctionResponse *functionResponse `json:"functionResponse,omitzero"`
	ThoughtSignature string            `json:"thoughtSignature,omitzero"`
}

// blob is media in base64.
type blob struct {
	MIMEType string `json:"mimeType"`
	Data     string `json:"data"`
}

// fileData is media that Google fetches: by its Files API, Cloud Storage,
// YouTube or any public https URL.
type fileData struct {
	MIMEType string `json:"mimeType,omitzero"`
	FileURI  string `json:"fileUri"`
}

type functionCall struct {
	ID   string         `json:"id,omitzero"`
	Name string         `json:"name"`
	Args jsontext.Value `json:"args"` // an object
}

type functionResponse struct {
	ID       string         `json:"id,omitzero"`
	Name     string         `json:"name"`
	Response jsontext.Value `json:"response"`       // an object
	Parts    []part         `json:"parts,omitzero"` // Gemini 3: inlineData alone
}

// tool is the functions of the client, or one of Google's own tools, which is an
// object with the tool's name as its only member.
type tool struct {
	FunctionDeclarations []declaration  `json:"functionDeclarations,omitzero"`
	Own                  jsontext.Value `json:",embed"`
}

type declaration struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	// ParametersJSONSchema takes any JSON schema; the field parameters beside
	// it takes a subset of OpenAPI's and refuses the rest.
	ParametersJSONSchema jsontext.Value `json:"parametersJsonSchema,omitzero"`
}

type toolConfig struct {
	FunctionCallingConfig            *functionCallingConfig `json:"functionCallingConfig,omitzero"`
	IncludeServerSideToolInvocations bool                   `json:"includeServerSideToolInvocations,omitzero"`
}

type functionCallingConfig struct {
	Mode                 string   `json:"mode"` // AUTO, ANY, NONE, VALIDATED
	AllowedFunctionNames []string `json:"allowedFunctionNames,omitzero"`
	StreamArguments      bool     `json:"streamFunctionCallArguments,omitzero"`
}

// generationConfig holds the numbers with the digits that the client wrote.
type generationConfig struct {
	Temperature        jsontext.Value  `json:"temperature,omitzero"`
	TopP               jsontext.Value  `json:"topP,omitzero"`
	CandidateCount     int             `json:"candidateCount,omitzero"`
	MaxOutputTokens    int64           `json:"maxOutputTokens,omitzero"`
	StopSequences      []string        `json:"stopSequences,omitzero"`
	Seed               jsontext.Value  `json:"seed,omitzero"`
	PresencePenalty    jsontext.Value  `json:"presencePenalty,omitzero"`
	FrequencyPenalty   jsontext.Value  `json:"frequencyPenalty,omitzero"`
	ResponseLogprobs   bool            `json:"responseLogprobs,omitzero"`
	Logprobs           int             `json:"logprobs,omitzero"`
	ResponseMIMEType   string          `json:"responseMimeType,omitzero"`
	ResponseJSONSchema jsontext.Value  `json:"responseJsonSchema,omitzero"`
	ResponseModalities []string        `json:"responseModalities,omitzero"`
	ThinkingConfig     *thinkingConfig `json:"thinkingConfig,omitzero"`
}

// thinkingConfig has a budget (Gemini 2.5) or a level (Gemini 3), never both:
// that is a 400.
type thinkingConfig struct {
	IncludeThoughts bool   `json:"includeThoughts,omitzero"`
	ThinkingBudget  *int   `json:"thinkingBudget,omitzero"`
	ThinkingLevel   string `json:"thinkingLevel,omitzero"`
}
