//! Ports over a WebSocket. Those of the fake that lead nowhere say what they hear.

use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::house::House;

#[tokio::test]
async fn clients_for_desktops_are_answered_with_the_subprotocol_that_they_ask_for() {
    let house = House::open().await;
    house.create("first").await;
    house.ready("first").await;
    for (asked, answered) in [
        (None, None),
        (Some("binary"), Some("binary")),
        (Some("base64, binary"), Some("binary")),
        (Some("base64"), None),
    ] {
        let stream = UnixStream::connect(&house.socket).await.unwrap();
        let address = "ws://plateaud/v1/labs/first/nodes/srv1/tunnel?port=5900";
        let mut request = address.into_client_request().unwrap();
        if let Some(asked) = asked {
            let headers = request.headers_mut();
            headers.insert("sec-websocket-protocol", asked.parse().unwrap());
        }
        let opened = client_async(request, stream).await;
        let (mut socket, response) = match (opened, answered) {
            (Ok(opened), _) => opened,
            // A client that asked for others alone has to leave, and does.
            (Err(error), None) if asked.is_some() => {
                assert!(error.to_string().contains("SubProtocol"), "{error}");
                continue;
            }
            (Err(error), _) => panic!("{asked:?}: {error}"),
        };
        let got = response.headers().get("sec-websocket-protocol");
        let got = got.map(|protocol| protocol.to_str().unwrap());
        assert_eq!(got, answered, "{asked:?}");
        let message = Message::binary(b"RFB 003.008\n".to_vec());
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
}
