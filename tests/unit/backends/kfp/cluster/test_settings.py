"""Tests of the settings of a cluster."""

from kernelpipe.backends.kfp.cluster import ClusterSettings


def test_filled_from__environment__gives_what_is_missing() -> None:
    """The variables of the KFP SDK are read, and ours."""
    found = ClusterSettings(namespace="mine").filled_from(
        {
            "KF_PIPELINES_ENDPOINT": "https://example.com/pipeline",
            "KF_PIPELINES_UI_ENDPOINT": "https://example.com/ui",
            "KERNELPIPE_KFP_NAMESPACE": "other",
            "KERNELPIPE_KFP_COOKIES": "authservice_session=abc",
            "KERNELPIPE_KFP_SSL_CA_CERT": "ca.pem",
            "KERNELPIPE_KFP_PROXY": "",
        }
    )

    assert found == ClusterSettings(
        host="https://example.com/pipeline",
        ui_host="https://example.com/ui",
        namespace="mine",
        cookies="authservice_session=abc",
        ssl_ca_cert="ca.pem",
    )


def test_filled_from__given_login__is_not_mixed_with_another() -> None:
    """A token on the command line and an OAuth client in the environment would contend."""
    found = ClusterSettings(token="t").filled_from(
        {
            "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID": "client",
            "KF_PIPELINES_SA_TOKEN_PATH": "token",
            "KERNELPIPE_KFP_COOKIES": "a=b",
        }
    )

    assert found == ClusterSettings(token="t")


def test_filled_from__token_and_token_file__the_token_wins() -> None:
    """The file is what Kubernetes puts into each pod; the token was set by a person."""
    found = ClusterSettings().filled_from(
        {"KERNELPIPE_KFP_TOKEN": "t", "KF_PIPELINES_SA_TOKEN_PATH": "token"}
    )

    assert found == ClusterSettings(token="t")


def test_filled_from__experiment__follows_the_sdk() -> None:
    """The overriding variable wins over what is given, the default one does not."""
    default = {"KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "default"}
    overriding = default | {"KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME": "forced"}

    assert ClusterSettings().filled_from(default).experiment == "default"
    assert ClusterSettings(experiment="mine").filled_from(default).experiment == "mine"
    assert ClusterSettings(experiment="mine").filled_from(overriding).experiment == "forced"


def test_settings__repr__shows_no_secrets() -> None:
    """Settings end up in logs and tracebacks."""
    settings = ClusterSettings(token="s1", cookies="s2", iap_other_client_secret="s3", host="h")

    assert not {"s1", "s2", "s3"} & set(repr(settings).replace("'", " ").split())
    assert settings.names_given() == ("host", "token", "cookies", "iap_other_client_secret")
