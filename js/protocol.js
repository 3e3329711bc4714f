/**
 * The messages between the login widget and its views, and the traits that a view reads.
 *
 * Types only. The names are those of `notebook/protocol.py`, `notebook/login_widget.py` and `values/states.py`; a test
 * in Python reads them from here and compares. Instants are POSIX seconds by the kernel's clock, 0 where there is none.
 */

/**
 * Where an account stands. `failed` carries an error and acts as signed out.
 *
 * @typedef {"signed_out" | "signing_in" | "awaiting_user" | "signed_in" | "failed"} Phase
 */

/**
 * @typedef {"environment" | "token_file" | "stored" | "hub" | "netrc" | "device" | "password" | "basic" | "code" | "token" | "oidc"} Source
 */

/** @typedef {"device" | "password" | "basic" | "code" | "token" | "oidc"} LoginMethod */

/** @typedef {"password" | "basic" | "token" | "oidc"} FormMethod */

/**
 * What may be shown of the identity provider. `badge` marks one that is not the real service, and `demo_login` says what
 * to sign in with there; a link may be empty.
 *
 * @typedef {object} ShownProvider
 * @property {string} name
 * @property {string} label
 * @property {string} badge
 * @property {string} demo_login
 * @property {string} issuer_host
 * @property {string} registration_url
 * @property {string} account_url
 * @property {string} password_reset_url
 * @property {string} token_url Where user tokens are made, which a password only finds or makes there.
 * @property {[title: string, address: string][]} links More pages for people, as a back-end names them.
 * @property {LoginMethod[]} methods
 * @property {boolean} can_remember Whether a login can be kept for other kernels and later days.
 */

/** @typedef {{ what?: string, why?: string, do?: string, error?: string, ended?: boolean }} ShownError */

/**
 * The widget's synced traits; none holds a secret, and a view sets none.
 *
 * @typedef {object} LoginTraits
 * @property {string} boot_id
 * @property {ShownProvider} provider
 * @property {Record<string, string>} choices Labels of the providers to choose from, by name; empty for no choice.
 * @property {string} username What the form is filled with.
 * @property {Phase} phase
 * @property {number} serial
 * @property {string} verification_uri
 * @property {number} code_expires_at
 * @property {string} user
 * @property {Source | ""} source
 * @property {number} expires_at
 * @property {number} session_ends_at
 * @property {boolean} remember Whether the login that is there, or under way, is to be kept.
 * @property {boolean} renewable
 * @property {ShownError} error
 * @property {string} notice
 */

/**
 * What a view sends; each message also carries `boot_id` and `view_id`. `hello` and `poll` are not acknowledged.
 * `start_device` may say by `remember` that the login is to be kept, as does the kind of that name while a code waits,
 * and by `switch` that a login was shown, which this one is to replace.
 *
 * @typedef {"hello" | "start_device" | "remember" | "cancel" | "poll" | "submit_password" | "logout" | "choose_provider"} RequestKind
 */

/**
 * The form. The password, token or client's secret is the first binary buffer, the one-time code the second: UTF-8, never
 * in the JSON. There is a user name beside a password only.
 *
 * @typedef {object} SubmittedForm
 * @property {string} username
 * @property {FormMethod} method
 * @property {boolean} has_one_time_code
 * @property {boolean} [remember] Whether the login is to be kept; no unless it is said.
 * @property {boolean} [switch] Whether a login was shown, which this one is to replace.
 */

/**
 * The code that waits, in a message and not in a trait: traits are saved with the notebook.
 *
 * @typedef {object} WaitingCode
 * @property {string} user_code
 * @property {string} verification_uri_complete Empty when the provider gave none.
 * @property {number} code_expires_at By which it is known to belong to the trait of that name.
 */

/**
 * What the kernel sends: `welcome` answers `hello`; `code` comes before the state in which it waits, and before a
 * `welcome`; `accepted` says that a new state follows, `refused` that none does.
 *
 * @typedef {"welcome" | "code" | "accepted" | "refused"} ReplyKind
 */

/**
 * @typedef {object} Reply
 * @property {ReplyKind} kind
 * @property {string} boot_id
 * @property {string} view_id Of the view that asked; others leave the reply alone. Empty: for all of them.
 * @property {number} [now] Of `welcome`: the kernel's clock.
 * @property {string} [reason] Of `refused`: sentences to show.
 */

/** @typedef {import("@anywidget/types").AnyModel<LoginTraits>} LoginModel */

export {};
