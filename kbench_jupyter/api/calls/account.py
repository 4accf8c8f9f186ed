"""The calls about the account: model proxy tokens, quotas, and whose credentials are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kbench_jupyter.api.calls.caller import TASKS, Caller
from kbench_jupyter.api.credentials.files import SETTINGS
from kbench_jupyter.api.values import parse
from kbench_jupyter.errors import ApiError, CredentialsError, TransportError

if TYPE_CHECKING:
    from kbench_jupyter.api.values.account import ModelProxyToken, QuotaBalance, TaskQuota, TokenInfo

PROXY = "models.ModelProxyApiService"


class AccountCalls(Caller):
    """What can be asked about the account."""

    def create_model_proxy_token(self, source: Literal["auth", "init"]) -> ModelProxyToken:
        """Return a fresh model proxy token; the one before stops working.

        Parameters
        ----------
        source : {"auth", "init"}
            Which command asks; the server counts them apart.
        """
        from kbench_jupyter.api.values.account import ModelProxyToken  # which few commands need

        method, headers = "CreateDefaultModelProxyToken", {"X-Kaggle-CLI-Source": f"benchmarks-{source}"}
        answer = self.call(PROXY, method, {}, headers=headers, subject="model proxy token")
        token = ModelProxyToken.from_wire(answer)
        if not token.token or not token.base_uri:
            raise TransportError(f"{method}: the server's answer holds no token.")
        return token

    def task_quota(self) -> TaskQuota:
        """Return what benchmark runs may cost today, in US dollars."""
        from kbench_jupyter.api.values.account import TaskQuota  # which few commands need

        return TaskQuota.from_wire(self.call(TASKS, "GetBenchmarkTaskQuota", {}))

    def model_proxy_quotas(self) -> list[QuotaBalance]:
        """Return what the model proxy may cost, for each period."""
        from kbench_jupyter.api.values.account import QuotaBalance  # which few commands need

        answer = self.call(PROXY, "GetModelProxyQuotas", {})
        return [QuotaBalance.from_wire(item) for item in parse.items(answer.get("quotaBalances"))]

    def introspect_token(self) -> TokenInfo:
        """Return whose credentials are in use, and whether the server still takes them.

        A user name and key cannot be introspected: they are tried on the cheapest call instead.

        Raises
        ------
        CredentialsError
            If the client has no credentials.
        """
        from kbench_jupyter.api.values.account import TokenInfo  # which few commands need

        credentials = self.credentials
        if credentials is None:
            raise CredentialsError(
                "There are no credentials to ask about.",
                hint=f"Create a token at {SETTINGS} and save it as ~/.kaggle/access_token.",
            )
        try:
            token = credentials.token(self.refresh)
            if token is None:
                self.call(TASKS, "ListBenchmarkTasks", {"pageSize": 1})
                return TokenInfo(active=True, username=credentials.username or "")
            return TokenInfo.from_wire(
                self.call("security.OAuthService", "IntrospectToken", {"token": token})
            )
        except CredentialsError:
            return TokenInfo()
        except ApiError as error:
            if error.status in (400, 403, 404):  # how the server says that it does not know a token
                return TokenInfo()
            raise
