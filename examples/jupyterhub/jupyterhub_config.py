"""A JupyterHub whose users sign in at Terrascope's Keycloak, and whose notebooks are then signed in to Terrascope.

docs/jupyterhub.md says why each line is here. It asks these of the Hub's environment:

  OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET  a confidential client at the provider, with the standard flow
  OAUTH_CALLBACK_URL                    for example https://hub.example.org/hub/oauth_callback, registered there
  OIDC_GROUP                            whose members may use this Hub
  JUPYTERHUB_CRYPT_KEY                  of `openssl rand -hex 32`, the same after a restart: stored tokens are encrypted
  OIDC_ISSUER                           another provider than Terrascope's
"""
# ruff: noqa: F821 - JupyterHub puts c there

import os

from ipyterrascope.jupyterhub import TokenRenewal

issuer = os.environ.get("OIDC_ISSUER", "https://sso.terrascope.be/auth/realms/terrascope").rstrip("/")

# Who signs in, and where.
c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.login_service = "Terrascope"
c.GenericOAuthenticator.client_id = os.environ["OAUTH_CLIENT_ID"]
c.GenericOAuthenticator.client_secret = os.environ["OAUTH_CLIENT_SECRET"]
c.GenericOAuthenticator.oauth_callback_url = os.environ["OAUTH_CALLBACK_URL"]
c.GenericOAuthenticator.authorize_url = f"{issuer}/protocol/openid-connect/auth"
c.GenericOAuthenticator.token_url = f"{issuer}/protocol/openid-connect/token"
# not userdata_from_id_token: the calls of a user's server would fail once that token has ended
c.GenericOAuthenticator.userdata_url = f"{issuer}/protocol/openid-connect/userinfo"
# without openid, userinfo answers 403
c.GenericOAuthenticator.scope = ["openid", "profile", "email"]
c.GenericOAuthenticator.username_claim = "preferred_username"

# Whom it lets in: a group, for anybody may have an account. The claim comes from a mapper of the client.
c.GenericOAuthenticator.manage_groups = True
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.allowed_groups = {os.environ["OIDC_GROUP"]}

# What it keeps: the tokens, encrypted by JUPYTERHUB_CRYPT_KEY, and renewed before they end.
c.GenericOAuthenticator.enable_auth_state = True
c.GenericOAuthenticator.refresh_user_hook = TokenRenewal()
c.GenericOAuthenticator.auth_refresh_age = 5
# else a provider that hangs makes everybody wait for 40 s
c.GenericOAuthenticator.http_request_kwargs = {"connect_timeout": 3, "request_timeout": 5}

# Whom it hands a token to: the server of that user. A scope counts only where both roles have it.
c.JupyterHub.load_roles.extend(
    [
        {"name": "user", "scopes": ["self", "admin:auth_state!user"]},
        {
            "name": "server",
            "scopes": [
                "users:activity!user",
                "access:servers!server",
                "admin:auth_state!user",
                # so that a notebook refuses the token while its server is shared
                "read:shares!server",
            ],
        },
    ]
)
